"""Runs one public tool at stock settings over a folder: peers.py TOOL IN OUT. Each file keeps its name where the tool lets it."""

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)


def dicognito(source, target):
    """One anonymizer for all files, as its command makes it, so that one person gets one name. What it fails on is left out."""
    import pydicom
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer()

    def one(path, out):
        with pydicom.dcmread(path, force=False) as dataset:
            anonymizer.anonymize(dataset)
            dataset.save_as(out)

    each(source, target, one)


def kitware(source, target):
    from dicomanonymizer import anonymize_dicom_file

    each(source, target, lambda path, out: anonymize_dicom_file(path, out, delete_private_tags=True))


def pydicom_deid(source, target):
    import pydicom
    from deid.config import DeidRecipe
    from deid.dicom import replace_identifiers

    recipe = DeidRecipe()

    def one(path, out):
        made = replace_identifiers(
            dicom_files=[path], deid=recipe, save=False, remove_private=True, strip_sequences=False
        )
        for dataset in made:
            if not isinstance(dataset, pydicom.Dataset):
                dataset = pydicom.dcmread(dataset)
            dataset.save_as(out)

    each(source, target, one)


def dcmanon(source, target):
    def one(path, out):
        subprocess.run(
            [os.environ["DCMANON"], "anonymize", "-i", path, "-o", out],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    each(source, target, one)


def orthanc(source, target):
    """Anonymises each study through the REST interface of an Orthanc of its own, then fetches the instances."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = os.path.join(folder, "orthanc.json")
        with open(config, "w") as out:
            json.dump({
                "StorageDirectory": folder, "IndexDirectory": folder, "HttpPort": port, "DicomServerEnabled": False,
                "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
            }, out)
        with open(os.devnull, "w") as nowhere:
            server = subprocess.Popen([os.environ.get("ORTHANC", "Orthanc"), config], stdout=nowhere, stderr=nowhere)
        try:
            through_orthanc(f"http://127.0.0.1:{port}", source, target)
        finally:
            server.terminate()
            server.wait(60)


def through_orthanc(base, source, target):
    def ask(path, body=None):
        return urllib.request.urlopen(urllib.request.Request(base + path, data=body), timeout=120).read()

    for _ in range(300):
        try:
            ask("/system")
            break
        except OSError:
            time.sleep(0.1)
    failed = 0
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), "rb") as file:
            try:
                ask("/instances", file.read())
            except OSError:
                failed += 1
    for study in json.loads(ask("/studies")):
        try:
            made = json.loads(ask(f"/studies/{study}/anonymize", b"{}"))
        except OSError:
            failed += 1
            continue
        for instance in json.loads(ask(f"/studies/{made['ID']}/instances")):
            with open(os.path.join(target, instance["ID"] + ".dcm"), "wb") as out:
                out.write(ask(f"/instances/{instance['ID']}/file"))
    print(f"{failed} files or studies failed", file=sys.stderr)


def each(source, target, one):
    """What a tool cannot take counts as held."""
    failed = 0
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
    for path in paths:
        out = os.path.join(target, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(out), exist_ok=True)
        try:
            one(path, out)
        except Exception:
            failed += 1
            if os.path.exists(out):
                os.remove(out)
    print(f"{failed} of {len(paths)} files failed", file=sys.stderr)


TOOLS = {
    "dicognito": dicognito,
    "kitware": kitware,
    "deid": pydicom_deid,
    "dcmanon": dcmanon,
    "orthanc": orthanc,
}

if __name__ == "__main__":
    tool, source, target = sys.argv[1:4]
    os.makedirs(target, exist_ok=True)
    TOOLS[tool](source, target)
