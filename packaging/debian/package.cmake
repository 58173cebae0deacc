# SPDX-License-Identifier: Apache-2.0
# One package for the Debian that it is built on, by `cpack -G DEB` (scripts/package). Everything below /usr is what
# `cmake --install` installs; what only a package may own, the files in /etc, lies in root/.
file(STRINGS /etc/os-release system REGEX "^VERSION_ID=")
string(REGEX REPLACE "[^0-9]" "" debian "${system}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME fendmail)
set(CPACK_PACKAGE_VENDOR fendmail)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALLED_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/root;/;${CMAKE_SOURCE_DIR}/config/logrotate.d;/etc/logrotate.d")
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The maintainers of fendmail <maintainers@fendmail.invalid>")
# So that an upgrade of the system takes the package of the newer one.
set(CPACK_DEBIAN_PACKAGE_RELEASE "1~deb${debian}")
set(CPACK_DEBIAN_PACKAGE_SECTION mail)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postfix | exim4-daemon-heavy, unbound, curl, logrotate, fail2ban")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "screening front end for mail servers")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"fendmail stands on port 25 in front of a mail server and keeps spam bots
away from it: new clients wait behind a teaser while it is seen who talks
too early and what weighted DNS lists say; who passes is remembered and
handed on, live, to Postfix, Exim or any other server. It is to any mail
server what postscreen is to Postfix.

The service is not started before it has been configured.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_LIST_DIR}/conffiles ${CMAKE_CURRENT_LIST_DIR}/preinst ${CMAKE_CURRENT_LIST_DIR}/postinst
    ${CMAKE_CURRENT_LIST_DIR}/prerm ${CMAKE_CURRENT_LIST_DIR}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
