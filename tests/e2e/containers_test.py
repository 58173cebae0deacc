#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""config/compose and config/kubernetes: each file that they name is there, each port, volume and probe
fits the configuration that they mount, and the program takes that configuration."""

import http.client
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from fendmail_test.case import Case, main
from fendmail_test.fendmail import Settings, binary, run_command
from fendmail_test.fendmail_case import FendmailCase
from fendmail_test.network import free_ports

TOP = Path(__file__).resolve().parents[2]
COMPOSE = TOP / "config" / "compose"
KUBERNETES = TOP / "config" / "kubernetes" / "mx.yaml"
CONFIG = "/etc/fendmail/fendmail.toml"


class ConfigurationCase(Case):
    def assert_is_taken(self, text: str, environment: dict[str, str]) -> dict[str, Any]:
        """By the program, without a warning: a variable that is no key would be one. @return it"""
        path = self.directory("config") / "fendmail.toml"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [binary(), "check", "-c", path],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # Who checks it here has no /var/lib/fendmail.
        others = [line for line in done.stderr.splitlines() if "store.path" not in line]
        self.assertEqual(others, [])
        config = tomllib.loads(text)
        for name, value in environment.items():
            section, _, key = name.removeprefix("FENDMAIL_").lower().partition("_")
            config[section][key] = value
        return config


class Compose(ConfigurationCase):
    def files(self) -> list[Path]:
        found = sorted(COMPOSE.glob("*/compose.yaml"))
        self.assertEqual([file.parent.name for file in found], ["exim", "postfix"])
        return found

    def test_each_service_has_what_it_names(self) -> None:
        for file in self.files():
            with self.subTest(file.parent.name):
                described = yaml.safe_load(file.read_text(encoding="utf-8"))
                for service in described["services"].values():
                    self.see_volumes(file, service, described)
                    if "build" in service:
                        self.see_dockerfile(file.parent / service["build"] / "Dockerfile", service)

    def see_volumes(self, file: Path, service: dict[str, Any], described: dict[str, Any]) -> None:
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            self.assertTrue(target.startswith("/"), volume)
            if source.startswith("."):
                self.assertTrue((file.parent / source).is_file(), volume)
            else:
                self.assertIn(source, described["volumes"])

    def see_dockerfile(self, path: Path, service: dict[str, Any]) -> None:
        text = path.read_text(encoding="utf-8")
        self.assertRegex(text, r"(?m)^FROM debian:")
        exposed = re.findall(r"(?m)^EXPOSE (\d+)$", text)
        self.assertEqual(exposed, service["expose"])

    def test_fendmail_is_confined_and_takes_its_configuration(self) -> None:
        for file in self.files():
            with self.subTest(file.parent.name):
                described = yaml.safe_load(file.read_text(encoding="utf-8"))
                fendmail = described["services"]["fendmail"]
                self.assertIs(fendmail["read_only"], True)
                self.assertEqual(fendmail["cap_drop"], ["ALL"])
                self.assertIn("no-new-privileges:true", fendmail["security_opt"])
                mounts = dict(reversed(v.split(":")[:2]) for v in fendmail["volumes"])
                text = (file.parent / mounts[CONFIG]).read_text(encoding="utf-8")
                config = self.assert_is_taken(text, fendmail["environment"])
                self.see_it_fits(config, fendmail, described)
                self.assertIn(str(Path(config["store"]["path"]).parent), mounts)

    def see_it_fits(
        self, config: dict[str, Any], fendmail: dict[str, Any], described: dict[str, Any]
    ) -> None:
        (published,) = fendmail["ports"]
        self.assertEqual(published["published"], "25")
        self.assertEqual(config["server"]["listen"], [f"0.0.0.0:{published['target']}"])
        host, _, port = config["backend"]["address"].rpartition(":")
        backend = described["services"][host]
        self.assertEqual(backend["expose"], [port])
        self.assertNotIn("ports", backend, "whoever reaches it may claim any address")
        self.assertEqual(backend["hostname"], config["server"]["hostname"])
        grace = int(fendmail["stop_grace_period"].removesuffix("s"))
        self.assertGreater(grace, seconds(config["server"].get("stop_timeout", "8s")))

    def test_exim_takes_headers_from_this_network_and_no_other(self) -> None:
        folder = COMPOSE / "exim"
        described = yaml.safe_load((folder / "compose.yaml").read_text(encoding="utf-8"))
        (pool,) = described["networks"]["default"]["ipam"]["config"]
        dockerfile = (folder / "mta" / "Dockerfile").read_text(encoding="utf-8")
        self.assertIn(f"'hosts_proxy = {pool['subnet']}'", dockerfile)


class Kubernetes(ConfigurationCase, FendmailCase):
    def setUp(self) -> None:
        super().setUp()
        objects = list(yaml.safe_load_all(KUBERNETES.read_text(encoding="utf-8")))
        self.objects = {(one["kind"], one["metadata"]["name"]): one for one in objects}
        self.assertEqual(len(self.objects), len(objects))
        self.set = self.objects["StatefulSet", "mx"]["spec"]
        self.pod = self.set["template"]["spec"]
        (self.sidecar,) = self.pod["initContainers"]
        (self.server,) = self.pod["containers"]
        self.text = self.objects["ConfigMap", "fendmail"]["data"]["fendmail.toml"]
        self.config = tomllib.loads(self.text)
        self.ports = {port["name"]: port["containerPort"] for port in self.sidecar["ports"]}

    def test_the_program_takes_the_configuration(self) -> None:
        self.assert_is_taken(self.text, {})

    def test_each_name_leads_somewhere(self) -> None:
        labels = self.set["template"]["metadata"]["labels"]
        self.assertEqual(self.set["selector"]["matchLabels"], labels)
        self.assertIn(("Service", self.set["serviceName"]), self.objects)
        for (kind, name), one in self.objects.items():
            if kind == "Service":
                self.assertEqual(one["spec"]["selector"], labels, name)
                for port in one["spec"]["ports"]:
                    self.assertIn(port["targetPort"], self.ports, name)
        volumes = {one["name"]: one for one in self.pod["volumes"]}
        volumes |= {one["metadata"]["name"]: one for one in self.set["volumeClaimTemplates"]}
        for container in (self.sidecar, self.server):
            for mount in container["volumeMounts"]:
                self.assertIn(mount["name"], volumes)
        config_map = volumes["config"]["configMap"]["name"]
        self.assertIn(("ConfigMap", config_map), self.objects)

    def test_ports_and_paths_fit_the_configuration(self) -> None:
        config = self.config
        self.assertEqual(config["server"]["listen"], [f"0.0.0.0:{self.ports['smtp']}"])
        self.assertEqual(config["admin"]["listen"], f"0.0.0.0:{self.ports['metrics']}")
        (backend,) = self.server["ports"]
        self.assertEqual(config["backend"]["address"], f"127.0.0.1:{backend['containerPort']}")
        annotations = self.set["template"]["metadata"]["annotations"]
        self.assertEqual(annotations["prometheus.io/port"], str(self.ports["metrics"]))
        mounts = {one["name"]: one["mountPath"] for one in self.sidecar["volumeMounts"]}
        self.assertEqual(mounts["config"], str(Path(CONFIG).parent))
        self.assertEqual(mounts["clients"], str(Path(config["store"]["path"]).parent))

    def test_it_is_a_sidecar_without_rights(self) -> None:
        self.assertEqual(self.sidecar["restartPolicy"], "Always")
        context = self.sidecar["securityContext"]
        self.assertIs(context["runAsNonRoot"], True)
        self.assertIs(context["readOnlyRootFilesystem"], True)
        self.assertIs(context["allowPrivilegeEscalation"], False)
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        user = re.search(r"(?m)^USER (\d+):(\d+)$", (TOP / "Dockerfile").read_text("utf-8"))
        self.assertIsNotNone(user)
        self.assertEqual((context["runAsUser"], context["runAsGroup"]), (int(user[1]), int(user[2])))
        self.assertEqual(self.pod["securityContext"]["fsGroup"], int(user[2]))

    def test_it_may_end_in_peace(self) -> None:
        (command,) = (self.server["lifecycle"]["preStop"]["exec"]["command"],)
        self.assertEqual(command[0], "sleep")
        needed = int(command[1]) + seconds(self.config["server"]["stop_timeout"])
        self.assertLess(needed, self.pod["terminationGracePeriodSeconds"])
        program, subcommand = self.sidecar["lifecycle"]["preStop"]["exec"]["command"]
        self.assertEqual(program, "fendmail")
        self.assertRegex(run_command("help").stdout, rf"(?m)^  {subcommand} ")

    def test_its_probes_are_answered(self) -> None:
        probes = {
            kind: self.sidecar[kind]["httpGet"]
            for kind in ("startupProbe", "readinessProbe", "livenessProbe")
        }
        self.assertEqual({probe["port"] for probe in probes.values()}, {"metrics"})
        port = free_ports(1)[0]
        here: Settings = {
            "server": {"listen": ["127.0.0.1:0"]},
            "admin": {"listen": f"127.0.0.1:{port}"},
            "dnsbl": {"sites": []},
        }
        backend = self.start_sink("proxy-v2")
        self.start_fendmail(backend.config, {"access": self.config["access"]}, here)
        for kind, probe in probes.items():
            asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            self.addCleanup(asking.close)
            # The kubelet asks the pod by its address.
            asking.request("GET", probe["path"], headers={"Host": f"10.1.2.3:{port}"})
            self.assertEqual(asking.getresponse().status, 200, kind)


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


if __name__ == "__main__":
    main()
