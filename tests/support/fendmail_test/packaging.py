# SPDX-License-Identifier: Apache-2.0
"""The Debian package, and a Debian that it is installed in by dpkg."""

import shutil
from pathlib import Path

from .booted_debian import BootedDebian
from .fendmail import binary
from .process import require_program, run

_MINUTE = 60.0


def make_package(directory: Path) -> Path:
    """As scripts/package does, of the program under test."""
    require_program("dpkg-shlibdeps", "dpkg-dev")
    require_program("file", "file")
    config = binary().parent / "CPackConfig.cmake"
    run(["cpack", "--config", config, "-G", "DEB", "-B", directory], timeout=2 * _MINUTE)
    (package,) = directory.glob("*.deb")
    return package


def make_newer(package: Path, directory: Path, version: str, of_unit: str = "") -> Path:
    """The same package with a higher version, and perhaps more in its unit, as an upgrade."""
    tree = directory / version
    run(["dpkg-deb", "--raw-extract", package, tree], timeout=_MINUTE)
    with (tree / "usr/lib/systemd/system/fendmail.service").open("a", encoding="utf-8") as unit:
        unit.write(of_unit)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text(encoding="utf-8").splitlines()
    lines = [f"Version: {version}" if line.startswith("Version: ") else line for line in lines]
    control.write_text("\n".join(lines) + "\n", encoding="utf-8")
    newer = directory / f"fendmail_{version}.deb"
    run(["dpkg-deb", "--root-owner-group", "--build", tree, newer], timeout=_MINUTE)
    return newer


class PackagedDebian(BootedDebian):
    """Has the packages in /mnt, and nothing of fendmail's installed."""

    def __init__(self, case, packages, title: str, debs: list[Path]):
        super().__init__(case, packages, title)
        self._debs = debs

    def _stage(self, shared: Path) -> None:
        for deb in self._debs:
            shutil.copy(deb, shared)

    def _take_stage(self) -> None:
        pass
