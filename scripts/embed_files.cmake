# Writes a C++ file that holds the files of the admin's page:
#   cmake -D FROM=DIRECTORY -D TO=FILE -P embed_files.cmake
# The page is at "/", every other file at its name. src/app/api/page.hpp declares what is made here.
set(types "html=text/html" "css=text/css" "js=text/javascript" "svg=image/svg+xml")
file(GLOB files RELATIVE ${FROM} ${FROM}/*)
list(SORT files)
set(texts "")
set(rows "")
set(number 0)
foreach(name IN LISTS files)
  string(REGEX REPLACE "^.*\\." "" ending "${name}")
  set(type "")
  foreach(pair IN LISTS types)
    if(pair MATCHES "^${ending}=(.*)$")
      set(type "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  if(type STREQUAL "")
    message(FATAL_ERROR "${FROM}/${name}: its type is not known; add it to embed_files.cmake")
  endif()
  set(path "/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  file(READ ${FROM}/${name} hex HEX)
  string(LENGTH "${hex}" digits)
  math(EXPR size "${digits} / 2")
  # Sixty octets to a literal: lines stay readable for a debugger.
  string(REPEAT "." 120 line)
  string(REGEX REPLACE "(${line})" "\\1\n" lines "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" lines "${lines}")
  string(REPLACE "\n" "\"\n    \"" lines "${lines}")
  string(APPEND texts "constexpr char text_${number}[] =\n    \"${lines}\";\n")
  string(APPEND rows "    {\"${path}\", \"${type}; charset=utf-8\", {text_${number}, ${size}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${TO}.new "// Made by scripts/embed_files.cmake of the files in src/app/admin/page.
#include \"app/api/page.hpp\"

#include <array>

namespace fendmail::app {

namespace {

${texts}
constexpr std::array<page_file, ${number}> files{{
${rows}}};

} // namespace

std::span<const page_file> page_files() noexcept
{
    return files;
}

} // namespace fendmail::app
")
file(COPY_FILE ${TO}.new ${TO} ONLY_IF_DIFFERENT)
file(REMOVE ${TO}.new)
