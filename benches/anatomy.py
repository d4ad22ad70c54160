"""Writes slices of real anatomy without any text as PGM: anatomy.py FOLDER.

The slices come from packages of PyPI: the MNI152 template that nilearn ships, images of nibabel and dipy, and samples of pydicom and
pydicom-data on which nothing is written. Each is written as it is and interpolated as scanners and viewers do; some with noise.
A box that the detector of text finds in them is false.
"""

import os
import sys

import dipy
import nibabel
import nilearn
import numpy as np
import pydicom
from pydicom.data import get_testdata_file
from scipy import ndimage

SIDE_MAX = 1100
SCALES = [(scale, order) for scale in (2, 3, 4, 6) for order in (0, 1, 3)] + [(2.5, 4)]
SAMPLES = """693_J2KI.dcm CT_small.dcm JPEG2000.dcm MR_small.dcm J2K_pixelrep_mismatch.dcm liver_1frame.dcm 693_J2KR.dcm emri_small.dcm
MR2_J2KR.dcm MR-SIEMENS-DICOM-WithOverlays.dcm RG1_J2KR.dcm RG3_J2KR.dcm explicit_VR-UN.dcm eCT_Supplemental.dcm""".split()


def inside(package, path):
    return os.path.join(os.path.dirname(package.__file__), path)


def volume(package, path):
    voxels = nibabel.load(inside(package, path)).get_fdata()
    return voxels[..., 0] if voxels.ndim == 4 else voxels


def sources():
    brain = volume(nilearn, "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
    for axis, first, step in ((0, 30, 20), (1, 30, 20), (2, 20, 16)):
        for at in range(first, brain.shape[axis] - 10, step):
            yield f"mni152-{'xyz'[axis]}{at}", np.rot90(np.take(brain, at, axis))
    diffusion = volume(dipy, "data/files/S0_10slices.nii.gz")
    echo = volume(nibabel, "tests/data/example4d.nii.gz")
    for at in range(0, diffusion.shape[2], 3):
        yield f"diffusion-{at}", np.rot90(diffusion[:, :, at])
    for at in range(0, echo.shape[2], 4):
        yield f"echoplanar-{at}", np.rot90(echo[:, :, at])
    yield "coronal-t1", np.load(inside(dipy, "data/files/t1_coronal_slice.npy"))
    for name in ("0.dcm", "1.dcm", "decimal_rescale.dcm", "slicethickness_empty_string.dcm"):
        yield f"nicom-{name[:-4]}", pydicom.dcmread(inside(nibabel, f"nicom/tests/data/{name}")).pixel_array
    for name in SAMPLES:
        pixels = pydicom.dcmread(get_testdata_file(name)).pixel_array
        while pixels.ndim > 2:
            pixels = pixels[0]
        yield f"pydicom-{name[:-4]}", pixels


def write(path, pixels, high, random):
    pixels = np.round(np.clip(pixels, 0, 1.2) / 1.2 * high)
    if random.random() < 0.3:
        pixels += np.round(random.normal(0, high * random.choice([0.005, 0.01, 0.02]), pixels.shape))
    pixels = np.clip(pixels, 0, 65535).astype(">u2")
    with open(path, "wb") as out:
        out.write(b"P5 %d %d 65535\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes())


def main(folder):
    os.makedirs(folder, exist_ok=True)
    random = np.random.default_rng(5)
    for name, pixels in sources():
        pixels = pixels.astype(float) - pixels.min()
        pixels /= pixels.max() or 1
        write(f"{folder}/{name}-1.pgm", pixels, int(random.choice([255, 4095])), random)
        for scale, order in SCALES:
            if max(pixels.shape) * scale <= SIDE_MAX:
                larger = ndimage.zoom(pixels, scale, order=order, grid_mode=True, mode="nearest")
                write(f"{folder}/{name}-{scale}.{order}.pgm", larger, int(random.choice([255, 4095])), random)


if __name__ == "__main__":
    main(sys.argv[1])
