"""What nibabel, SimpleITK, NumPy and SciPy make of volumes: the judge of tests/volumes.

    judge.py heads DIR            writes heads in three sequences, and the masks that must come of them
    judge.py study DIR            writes the head "plain" as a folder of three DICOM series: 1 is post, 2 pre, 3 FLAIR
    judge.py same FILE FILE       holds one mask to another whose axes may point elsewhere
    judge.py masks DIR FOUND      holds the masks that were written to these
    judge.py ellipsoids FILE...   pairs of a scan and of the ellipsoid that was written on its grid
    judge.py resample DIR MOVING FIXED   writes MOVING on FIXED's grid
    judge.py misaligned DIR FILE  writes a volume turned and shifted
    judge.py unplaced DIR         writes RAS.nii.gz without sform and qform
    judge.py slices DIR           writes slices as pictures, and as volumes in many orders of their axes

What is wrong goes to stderr, one line each, and makes the exit status 1.
"""

import itertools
import json
import pathlib
import sys

import nibabel
import numpy as np
import pydicom
import SimpleITK
from PIL import Image
from pydicom.uid import MRImageStorage, generate_uid
from scipy import ndimage

# As tests/fixtures/networks/make.py has them.
OWN, RIGHT, BIAS = [-0.5, 6.0, 0.5], [0.0, 2.0, 0.0], -10.0
SIDE, SMALLEST = 32, 4
SEQUENCES = ["pre", "flair", "post"]


def oriented(codes, spacing, size, tilt=0.0):
    """An affine whose axes point as these letters say, about the middle, turned about x by `tilt` degrees."""
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for column, letter in enumerate(codes):
        row = next(n for n, pair in enumerate(["LR", "PA", "IS"]) if letter in pair)
        affine[row, column] = spacing[row] if letter in "RAS" else -spacing[row]
    angle = np.radians(tilt)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine = turn @ affine
    last = [size[next(n for n, pair in enumerate(["LR", "PA", "IS"]) if letter in pair)] - 1 for letter in codes]
    affine[:3, 3] = -affine[:3, :3] @ (np.array(last) / 2) + [3.0, -8.0, 21.0]
    return affine


def stored(ras, codes, spacing, tilt=0.0):
    """Voxels in RAS order as an image whose axes point as these letters say."""
    order = nibabel.orientations.axcodes2ornt(codes)
    turn = nibabel.orientations.ornt_transform(nibabel.orientations.axcodes2ornt("RAS"), order)
    data = nibabel.orientations.apply_orientation(ras, turn)
    return nibabel.Nifti1Image(np.ascontiguousarray(data), oriented(codes, spacing, ras.shape, tilt))


def head(size, gains):
    """A head in RAS order with bright spots on FLAIR, one of them too small: pre-contrast, FLAIR, post-contrast."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    inside = (x / 0.8) ** 2 + (y / 0.85) ** 2 + (z / 0.95) ** 2 < 1
    out = []
    for c, gain in enumerate(gains):
        tissue = 95 + 10 * c + 9 * np.sin(6 * x + 4 * y + c) + 6 * np.cos(7 * y - 5 * x + 2 * z)
        out.append(np.where(inside, tissue, (np.abs(np.sin(37 * x + 19 * y + 11 * z)) * 4)))
    for centre, radius in [((0.3, 0.25, 0.1), 0.32), ((-0.4, -0.3, -0.3), 0.22)]:
        spot = sum((axis - c) ** 2 for axis, c in zip((x, y, z), centre)) < radius**2
        for volume, more in zip(out, [-10, 120, 40]):
            volume[spot] += more
    i, j, k = size[0] // 3, 2 * size[1] // 3, size[2] // 2
    out[1][i : i + 2, j, k] += 140
    return [(volume * gain).astype(np.float32) for volume, gain in zip(out, gains)]


def white(volume):
    lit = np.sort(volume[volume > 0].ravel())
    return lit[round(0.995 * (len(lit) - 1))]


def z_scores(sequences):
    """In standard deviations over the head, each with that of air; sequences count alike towards what is head."""
    scaled = [(volume / white(volume)).astype(np.float64) for volume in sequences]
    keys = np.round(1000 * sum(scaled)).astype(int)
    lit = np.sort(keys[keys > 0].ravel())
    over = keys > 0.2 * lit[int(np.ceil(0.995 * len(lit))) - 1]
    levels = [(volume[over].mean(), volume[over].std()) for volume in scaled]
    return [
        (np.clip((volume - mean) / std, -5, 5), max(-mean / std, -5)) for volume, (mean, std) in zip(scaled, levels)
    ]


def mask(sequences):
    """The mask that the test's network and card make of sequences in RAS order, whose axial slices fit its input."""
    logit = np.full(sequences[0].shape, BIAS)
    for (volume, air), own, right in zip(z_scores(sequences), OWN, RIGHT):
        # Radiological: right neighbours in the picture lie towards the patient's left. Beyond the slice there is air where
        # the network's input goes on, and nothing beyond that.
        beside = np.zeros_like(volume)
        beside[1:] = volume[:-1]
        beside[0] = air if volume.shape[0] < SIDE else 0
        logit += own * volume + right * beside
    parts, count = ndimage.label(logit > 0, structure=np.ones((3, 3, 3)))
    sizes = ndimage.sum(logit > 0, parts, range(1, count + 1))
    return np.isin(parts, 1 + np.flatnonzero(np.array(sizes) >= SMALLEST)).astype(np.uint8)


CASES = {
    # Name: codes of each sequence, size in RAS, spacing, tilt.
    "plain": ("RAS RAS RAS", (28, 32, 9), (1.0, 1.0, 2.5), 0),
    "turned": ("LIA LIA LIA", (28, 32, 9), (1.0, 1.0, 2.5), 0),
    "oblique": ("PSR PSR PSR", (32, 30, 7), (0.9, 0.9, 4.0), 19),
    "mixed": ("RAS ASL LPI", (28, 32, 9), (1.0, 1.0, 2.5), 0),
    "high": ("SRP SRP SRP", (32, 32, 11), (1.2, 1.2, 1.2), -12),
}


def heads(folder):
    for name, (codes, size, spacing, tilt) in CASES.items():
        # MRI has no unit: sequences differ by orders of magnitude.
        sequences = head(size, [0.01, 1.0, 37.0])
        place = folder / name
        place.mkdir()
        for sequence, code, volume in zip(SEQUENCES, codes.split(), sequences):
            nibabel.save(stored(volume, code, spacing, tilt), place / f"{sequence}.nii.gz")
        expected = stored(mask(sequences), codes.split()[1], spacing, tilt)
        nibabel.save(expected, place / "expected.nii.gz")
        voxels = int(np.asarray(expected.dataobj).sum())
        ml = voxels * abs(np.linalg.det(expected.affine[:3, :3])) / 1000
        (place / "expected.json").write_text(json.dumps({"voxels": voxels, "volume_ml": ml}))


def study(folder):
    """Slices of all series in one folder, as a disc from a scanner has them; of DICOM's patient x and y are turned."""
    (folder / "study").mkdir()
    for number, sequence in enumerate(["post", "pre", "flair"], 1):
        scan = nibabel.load(folder / "plain" / f"{sequence}.nii.gz")
        data = scan.get_fdata()
        slope = data.max() / 65535
        for k in range(data.shape[2]):
            made = pydicom.Dataset()
            made.SOPClassUID, made.SOPInstanceUID = MRImageStorage, generate_uid()
            made.SeriesInstanceUID, made.Modality = f"1.2.3.{number}", "MR"
            made.Columns, made.Rows, made.SamplesPerPixel = *data.shape[:2], 1
            made.PhotometricInterpretation, made.PixelRepresentation = "MONOCHROME2", 0
            made.BitsAllocated, made.BitsStored, made.HighBit = 16, 16, 15
            made.RescaleSlope, made.RescaleIntercept = f"{slope:.9g}", 0
            spacing = [float(n) for n in scan.header.get_zooms()]
            made.PixelSpacing, made.SliceThickness = [spacing[1], spacing[0]], spacing[2]
            # Stored voxels grow to the right and to the front.
            made.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
            x, y, z = (scan.affine @ [0, 0, k, 1])[:3]
            made.ImagePositionPatient = [-x, -y, z]
            stored_numbers = np.round(np.clip(data[:, :, k].T, 0, None) / float(made.RescaleSlope))
            made.PixelData = np.clip(stored_numbers, 0, 65535).astype("<u2").tobytes()
            path = folder / "study" / f"{made.SOPInstanceUID}.dcm"
            pydicom.dcmwrite(path, made, implicit_vr=True, little_endian=True, enforce_file_format=True)


def same(one, other):
    one, other = [nibabel.as_closest_canonical(nibabel.load(path)) for path in (one, other)]
    wrong = int((np.asarray(one.dataobj) != np.asarray(other.dataobj)).sum())
    near = np.abs(one.affine - other.affine).max() < 1e-4
    return [] if wrong == 0 and near else [f"{wrong} voxels differ\n{one.affine}\n{other.affine}"]


def image(path):
    """What SimpleITK reads of a file, or of a folder of DICOM files."""
    if not pathlib.Path(path).is_dir():
        return SimpleITK.ReadImage(str(path))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
    return reader.Execute()


def affine_of(image):
    """From SimpleITK's LPS to RAS."""
    direction = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = direction, image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ affine


def geometry(path):
    """Size and affine: by nibabel of NIfTI files, by SimpleITK of DICOM folders."""
    if pathlib.Path(path).is_dir():
        read = image(path)
        return read.GetSize(), affine_of(read)
    read = nibabel.load(path)
    return read.shape, read.affine


def space_of(scan):
    """The code of the space that a scan says it lies in: DICOM's is always the scanner's."""
    if not str(scan).endswith((".nii", ".nii.gz")):
        return 1
    header = nibabel.load(scan).header
    return int(header["sform_code"]) or int(header["qform_code"])


def same_place(scan, found, faults):
    """Whether each judge has the mask's voxels where it has the scan's: they differ where a scan does not say."""
    size, affine = geometry(scan)
    mine = nibabel.load(found)
    if mine.shape != tuple(size):
        faults.append(f"{found}: {mine.shape} voxels instead of {size}")
    scale = np.abs(affine).max()
    itk = [affine_of(image(path)) for path in (scan, found)]
    for judge, due, other in [("nibabel", affine, mine.affine), ("SimpleITK", *itk)]:
        if np.abs(other - due).max() > 1e-5 * scale:
            faults.append(f"{found}: {judge} has another affine\n{other}\n{due}")
    codes = (int(mine.header["qform_code"]), int(mine.header["sform_code"]))
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    straight = np.allclose(unit.T @ unit, np.eye(3), atol=1e-4)
    if codes[1] != space_of(scan) or straight and (codes[0] != codes[1] or np.abs(mine.get_qform() - affine).max() > 1e-4 * scale):
        faults.append(f"{found}: the qform {codes} is not the affine\n{mine.get_qform()}\n{affine}")
    return mine


def masks(folder, found):
    faults = []
    for name in CASES:
        expected = np.asarray(nibabel.load(folder / name / "expected.nii.gz").dataobj)
        if expected.sum() < 20 or expected.sum() == expected.size:
            faults.append(f"{name}: the expected mask shows nothing")
        mine = same_place(folder / name / "flair.nii.gz", found / name / "flair_mask.nii.gz", faults)
        data = np.asarray(mine.dataobj)
        if data.dtype != np.uint8 or (data != expected).any():
            faults.append(f"{name}: {(data != expected).sum()} voxels of {expected.sum()} differ")
        read = nibabel.load(found / name / "flair_probabilities.nii.gz")
        probabilities = read.get_fdata()
        if np.abs(read.affine - mine.affine).max() > 1e-6:
            faults.append(f"{name}: the probabilities lie elsewhere")
        # The mask is what is above a half, less what is too small.
        if not 0 <= probabilities.min() <= probabilities.max() <= 1 or (data > (probabilities >= 0.5)).any():
            faults.append(f"{name}: the probabilities are not those of the mask")
    return faults


CENTRE, RADII = np.array([6.0, -9.0, 2.0]), np.array([31.0, 17.0, 11.0])


def ellipsoid(points, middle):
    """An ellipsoid with unequal axes off the middle, and a part of it cut away: no flip or exchange maps it to itself."""
    away = points - middle - CENTRE
    inside = ((away / RADII) ** 2).sum(axis=-1) <= 1
    return inside & ~((away[..., 0] > 4) & (away[..., 1] > 3))


def ellipsoids(pairs):
    faults = []
    for scan, found in pairs:
        size, affine = geometry(scan)
        mine = same_place(scan, found, faults)
        middle = affine[:3, :3] @ ((np.array(size) - 1) / 2) + affine[:3, 3]
        places = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), axis=-1)
        expected = ellipsoid(places @ affine[:3, :3].T + affine[:3, 3], middle)
        # SimpleITK has the slowest axis first.
        by_itk = SimpleITK.GetArrayFromImage(image(found)).transpose(2, 1, 0)
        for judge, data in [("nibabel", np.asarray(mine.dataobj)), ("SimpleITK", by_itk)]:
            wrong = (data != 0) != expected
            # Voxels whose centre lies on the surface may fall to either side.
            if wrong.sum() > 1e-4 * expected.sum() + 2 or expected.sum() < 100:
                faults.append(f"{found}: {judge} finds {wrong.sum()} of {expected.sum()} voxels elsewhere")
    return faults


def resample(folder, moving, fixed):
    moving, fixed = image(moving), image(fixed)
    moving = SimpleITK.Cast(moving, SimpleITK.sitkFloat64)
    done = SimpleITK.Resample(moving, fixed, SimpleITK.Transform(), SimpleITK.sitkLinear, 0.0)
    np.save(folder / "resampled.npy", SimpleITK.GetArrayFromImage(done).astype(np.float32))


def slices(folder):
    """Slices as pictures named by their numbers from the feet, and the same as volumes."""
    size = (20, 24, 6)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    lit = (x / 0.7) ** 2 + (y / 0.8) ** 2 < 1
    ras = np.where(lit, 120 + 60 * np.sin(3 * x + 2 * y + z) + 30 * (x > 0.1) * (y > 0), 0).astype(np.uint8)
    (folder / "pictures").mkdir()
    for k in range(size[2]):
        Image.fromarray(ras[::-1, ::-1, k].T).save(folder / "pictures" / f"{k}.png")
    for codes in itertools.chain.from_iterable(
        map("".join, itertools.product(*axes)) for axes in itertools.permutations(["LR", "PA", "IS"])
    ):
        nibabel.save(stored(ras, codes, (1.0, 1.0, 1.0)), folder / f"{codes}.nii.gz")


# In mm towards the front, and in degrees: nodding and turned to a side.
MOVES = {"shift 5 mm": 5}
TURNS = {"nod 5 degrees": (5, (1, 2)), "nod 10 degrees": (10, (1, 2)), "turn 10 degrees": (10, (0, 1)), "turn 20 degrees": (20, (0, 1))}


def misaligned(folder, path):
    """The voxels of a volume of 1 mm in RAS order moved, its affine as it was."""
    source = nibabel.load(path)
    data, low, high = np.asarray(source.dataobj, dtype=np.float32), 45, 125
    # From below the temporal lobes to the vertex.
    affine = source.affine.copy()
    affine[2, 3] += low
    def save(name, moved):
        part = np.clip(np.round(moved[:, :, low:high]), 0, 255).astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(part, affine), folder / f"{name}.nii.gz")

    save("as it is", data)
    for name, mm in MOVES.items():
        save(name, np.roll(data, mm, axis=1))
    for name, (degrees, axes) in TURNS.items():
        save(name, ndimage.rotate(data, degrees, axes=axes, reshape=False, order=1))
    save("back to front", data[:, ::-1])


def main():
    command, *arguments = sys.argv[1:]
    paths = [pathlib.Path(argument) for argument in arguments]
    faults = []
    if command == "heads":
        heads(*paths)
    elif command == "study":
        study(*paths)
    elif command == "same":
        faults = same(*paths)
    elif command == "masks":
        faults = masks(*paths)
    elif command == "ellipsoids":
        faults = ellipsoids(zip(paths[::2], paths[1::2]))
    elif command == "resample":
        resample(*paths)
    elif command == "unplaced":
        bare = nibabel.load(paths[0] / "RAS.nii.gz")
        bare.set_sform(None, 0)
        bare.set_qform(None, 0)
        nibabel.save(bare, paths[0] / "unplaced.nii")
    elif command == "misaligned":
        misaligned(*paths)
    elif command == "slices":
        slices(*paths)
    else:
        sys.exit(__doc__)
    print(*faults, sep="\n", file=sys.stderr, end="")
    sys.exit(1 if faults else 0)


main()
