"""DICOM series of known voxels and places, written by pydicom: the judge of tests/dicom.rs.

    series.py DIR        writes DIR/CASE/scan/... for every case, and beside it what is to be read
    series.py DIR FILE.. writes what SimpleITK reads of each file or folder: DIR/NAME.voxels.npy and NAME.affine.npy

A case that can be read has voxels.npy (i fastest) and affine.npy, and notes.txt where a note is due; one that cannot has
refused.txt, what the error has to say.
"""

import pathlib
import random
import shutil
import sys
import zipfile

import numpy
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)

ROWS, COLUMNS, SLICES = 6, 5, 4
SPACING = (1.5, 0.75)  # between rows, between columns
STEP = 2.5
MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
# Of DICOM's patient, turned by 20 degrees about x and 10 about z.
TURN = numpy.array(
    [
        [numpy.cos(0.17), -numpy.sin(0.17), 0.0],
        [numpy.sin(0.17) * numpy.cos(0.35), numpy.cos(0.17) * numpy.cos(0.35), -numpy.sin(0.35)],
        [numpy.sin(0.17) * numpy.sin(0.35), numpy.cos(0.17) * numpy.sin(0.35), numpy.cos(0.35)],
    ]
)
AXIAL = numpy.eye(3)
SAGITTAL = numpy.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
CORONAL = numpy.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
ORIGIN = numpy.array([-12.5, 31.0, 7.25])


class Volume:
    """Stored numbers, k first, and the columns of the way along rows, down columns and from slice to slice."""

    def __init__(self, turn=AXIAL, kind="int16", low=-400, high=2500, seed=1):
        self.turn, self.kind = turn, kind
        random_numbers = numpy.random.default_rng(seed)
        self.stored = random_numbers.integers(low, high, (SLICES, ROWS, COLUMNS)).astype(kind)
        self.shift = numpy.zeros(3)

    def position(self, k):
        return ORIGIN + k * (self.turn[:, 2] * STEP + self.shift)

    def affine(self):
        step = self.turn[:, 2] * STEP + self.shift
        columns = [self.turn[:, 0] * SPACING[1], self.turn[:, 1] * SPACING[0], step, ORIGIN]
        lps = numpy.eye(4)
        lps[:3, :] = numpy.array(columns).T
        return numpy.diag([-1.0, -1.0, 1.0, 1.0]) @ lps

    def pixels(self, header, bits=None):
        numbers = numpy.dtype(self.kind)
        header.Rows, header.Columns, header.SamplesPerPixel = ROWS, COLUMNS, 1
        header.PhotometricInterpretation = "MONOCHROME2"
        header.BitsAllocated = numbers.itemsize * 8
        header.BitsStored = bits or header.BitsAllocated
        header.HighBit = header.BitsStored - 1
        header.PixelRepresentation = int(numbers.kind == "i")


def header(uid, series, syntax=ExplicitVRLittleEndian):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = uid
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.SOPClassUID, made.SeriesInstanceUID = uid, series
    made.PatientName, made.PatientID, made.PatientBirthDate = "Secret^Name", "SECRET-ID", "19500101"
    made.SeriesDescription, made.StudyDate = "Secret description", "20200202"
    made.Modality, made.ScanningSequence = "MR", "GR"
    made.RepetitionTime, made.EchoTime = 1900, 2.5
    return made


def slice_of(volume, k, series, syntax=ExplicitVRLittleEndian, bits=None):
    made = header(MR, series, syntax)
    volume.pixels(made, bits)
    made.ImageOrientationPatient = [float(n) for n in volume.turn[:, :2].T.ravel()]
    made.ImagePositionPatient = [float(n) for n in volume.position(k)]
    made.PixelSpacing, made.SliceThickness = list(SPACING), STEP
    # Of no use for the order.
    made.InstanceNumber = (k * 7) % 5 + 1
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    made.PixelData = volume.stored[k].astype(numpy.dtype(volume.kind).newbyteorder(order)).tobytes()
    made["PixelData"].VR = "OB" if volume.stored.itemsize == 1 else "OW"
    return made


def slices(volume, series=None, **more):
    series = series or generate_uid()
    return [slice_of(volume, k, series, **more) for k in range(SLICES)]


def enhanced(volume, syntax=ExplicitVRLittleEndian):
    """All frames in one file, not in their order."""
    made = header(ENHANCED_MR, generate_uid(), syntax)
    volume.pixels(made)
    made.NumberOfFrames = SLICES
    order = [2, 0, 3, 1]
    orientation, measures, values = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [float(n) for n in volume.turn[:, :2].T.ravel()]
    measures.PixelSpacing, measures.SliceThickness = list(SPACING), STEP
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 0.5, -3.0, "US"
    shared = Dataset()
    shared.PlaneOrientationSequence = Sequence([orientation])
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PixelValueTransformationSequence = Sequence([values])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    frames = []
    for k in order:
        place, own = Dataset(), Dataset()
        place.ImagePositionPatient = [float(n) for n in volume.position(k)]
        own.PlanePositionSequence = Sequence([place])
        frames.append(own)
    made.PerFrameFunctionalGroupsSequence = Sequence(frames)
    made.PixelData = volume.stored[order].tobytes()
    made["PixelData"].VR = "OW"
    return made


def save(folder, files, compress=None):
    names = [f"{n:03}.dcm" for n in range(len(files))]
    # The order of names is of no use either.
    random.Random(4).shuffle(names)
    (folder / "scan").mkdir(parents=True)
    for name, made in zip(names, files):
        if compress:
            made.compress(compress, generate_instance_uid=False)
        pydicom.dcmwrite(folder / "scan" / name, made, enforce_file_format=True)


def expect(folder, voxels, affine, notes=None):
    numpy.save(folder / "voxels.npy", numpy.asarray(voxels, dtype=numpy.float32))
    numpy.save(folder / "affine.npy", affine)
    if notes:
        (folder / "notes.txt").write_text(notes)


def readable(root):
    def case(name, volume, files, voxels=None, compress=None, notes=None):
        save(root / name, files, compress)
        expect(root / name, volume.stored if voxels is None else voxels, volume.affine(), notes)

    for name, turn in [("axial", AXIAL), ("sagittal", SAGITTAL), ("coronal", CORONAL), ("oblique", TURN)]:
        volume = Volume(turn)
        case(name, volume, slices(volume))
    for kind, low, high in [("uint8", 0, 256), ("int8", -128, 128), ("uint16", 0, 65536), ("int16", -32768, 32768)]:
        volume = Volume(kind=kind, low=low, high=high)
        case(kind, volume, slices(volume))
    volume = Volume()
    for name, syntax in [
        ("implicit", ImplicitVRLittleEndian),
        ("big_endian", ExplicitVRBigEndian),
        ("deflated", DeflatedExplicitVRLittleEndian),
    ]:
        case(name, volume, slices(volume, syntax=syntax))
    case("rle", volume, slices(volume), compress=RLELossless)
    for kind, low, high in [("uint8", 0, 256), ("uint16", 0, 65536)]:
        volume = Volume(kind=kind, low=low, high=high)
        case(f"rle_{kind}", volume, slices(volume), compress=RLELossless)

    volume = Volume(TURN)
    case("enhanced", volume, [enhanced(volume)], volume.stored * 0.5 - 3.0)
    case("enhanced_rle", volume, [enhanced(volume)], volume.stored * 0.5 - 3.0, compress=RLELossless)

    files = slices(volume)
    slopes = [0.25, 1.0, 3.5, 1e-3]
    for made, slope in zip(files, slopes):
        made.RescaleSlope, made.RescaleIntercept = slope, -1024
    case("rescaled", volume, files, volume.stored * numpy.array(slopes)[:, None, None] - 1024)

    # Twelve bits of which the highest is a sign; above them lies what is no part of the number.
    volume = Volume(low=-2048, high=2048)
    twelve = Volume()
    twelve.stored = (volume.stored & 0x0FFF) | (0x5000 * (volume.stored % 2)).astype("int16")
    case("twelve_bits", volume, slices(twelve, bits=12))

    volume = Volume(low=-5, high=5)
    files = slices(volume)
    for made in files:
        made.add_new("PixelPaddingValue", "SS", -5)
    padded = int((volume.stored == -5).sum())
    case("padding", volume, files, numpy.where(volume.stored == -5, 0, volume.stored), notes=f"{padded} voxels are padding")

    volume = Volume()
    files = slices(volume)
    for made in files:
        made.PhotometricInterpretation, made.WindowCenter, made.WindowWidth = "MONOCHROME1", 100, 50
    case("monochrome1", volume, files)

    volume = Volume()
    volume.shift = numpy.array([0.0, 0.6, 0.0])
    case("tilted", volume, slices(volume), notes="gantry tilt")

    # As where every second slice was lost.
    volume = Volume()
    volume.shift = numpy.array([0.0, 0.0, STEP])
    files = slices(volume)
    for made in files:
        made.SpacingBetweenSlices = STEP
    case("every_second", volume, files, notes="5.00 mm apart where 2.50 mm are stated")

    volume = Volume()
    files = [slices(volume)[0]]
    case("one_slice", volume, files, volume.stored[:1])

    # How it lies is said, where is not.
    volume = Volume(SAGITTAL)
    files = [slices(volume)[0]]
    del files[0].ImagePositionPatient
    affine = volume.affine()
    affine[:3, 3] = 0
    save(root / "without_position", files)
    expect(root / "without_position", volume.stored[:1], affine, "does not say where its slices lie")

    volume = Volume(low=1, high=9)
    files = slices(volume)
    for made in files:
        made.RescaleSlope, made.RescaleIntercept = "1e40", 0
    case("infinite", volume, files, 0 * volume.stored, notes=f"{volume.stored.size} voxels are not a finite number")

    # Files of other kinds do no harm.
    mosaic = slices(volume)[0]
    mosaic.ImageType = ["ORIGINAL", "PRIMARY", "MOSAIC"]
    case("among_others", volume, slices(volume) + [mosaic], notes="1 file(s) left out")
    (root / "among_others/scan/notes.txt").write_text("not a scan")


def zipped(root):
    """A good archive, and bad ones."""
    folder = root / "zipped"
    volume = Volume(TURN)
    save(folder, slices(volume))
    expect(folder, volume.stored, volume.affine())

    def archive(name, write):
        (root / name).mkdir(exist_ok=True)
        path = root / name / "scan.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            write(made)
        return path

    def all_slices(made):
        for path in sorted((folder / "scan").iterdir()):
            made.write(path, f"study/{path.name}")
        made.writestr("study/readme.txt", "not a scan")

    archive("zipped", all_slices)
    shutil.rmtree(folder / "scan")

    def leading_out(made):
        made.writestr("../../one.dcm", "a file that would lie elsewhere")

    archive("zip_leading_out", leading_out)
    (root / "zip_leading_out/refused.txt").write_text("leads out of the archive")
    archive("zip_of_nothing", lambda made: made.writestr("a.txt", "nothing"))
    (root / "zip_of_nothing/refused.txt").write_text("the archive holds no DICOM file")
    path = archive("zip_bomb", lambda made: made.writestr("a.dcm", bytes(1 << 20)))
    # It says that it holds more than deflate can pack.
    content = bytearray(path.read_bytes())
    for mark, place in [(b"PK\x03\x04", 22), (b"PK\x01\x02", 24)]:
        start = content.index(mark) + place
        content[start : start + 4] = (0xF0000000).to_bytes(4, "little")
    path.write_bytes(content)
    (root / "zip_bomb/refused.txt").write_text("a size that lies")
    path = archive("zip_cut", lambda made: made.writestr("a.dcm", bytes(1 << 20)))
    path.write_bytes(path.read_bytes()[:-30])
    (root / "zip_cut/refused.txt").write_text("damaged archive")


def shifted(made):
    """A place to the left of the slice's own, in its plane."""
    return [float(n) + 25 * float(way) for n, way in zip(made.ImagePositionPatient, made.ImageOrientationPatient[:3])]


def refused(root):
    def case(name, files, reason, compress=None):
        save(root / name, files, compress)
        (root / name / "refused.txt").write_text(reason)
        return root / name / "scan"

    volume = Volume()
    files = slices(volume)
    case("missing_slice", files[:1] + files[2:], "5.00 mm after slice 1 where 2.50 mm are usual")
    same = generate_uid()
    case("two_at_one_place", slices(volume, same) + slices(volume, same), "4 slices lie at the place of another")
    case("two_series", slices(volume) + slices(Volume(TURN)), "2 series lie here: 1: 4 slice(s) of 5x6 MR, GR, TR 1900 ms")
    case("two_ways", slices(volume, same)[:2] + slices(Volume(CORONAL), same)[2:], "the slices lie in several ways")

    def changed(name, change, reason):
        files = slices(volume)
        change(files[1])
        case(name, files, reason)

    def without(*names):
        def change(made):
            for name in names:
                delattr(made, name)

        return change

    changed("no_pixels", without("PixelData"), "the file has no pixel data")
    changed("no_rows", without("Rows"), "Rows (0028,0010) is missing or no number")
    changed("no_position", without("ImagePositionPatient"), "the slices do not say where they lie")
    changed("beside", lambda made: setattr(made, "ImagePositionPatient", shifted(made)), "the slices do not lie in a line")
    changed("no_columns", lambda made: setattr(made, "Columns", 0), "Columns (0028,0011) is 0")
    changed("other_size", lambda made: setattr(made, "Columns", 4), "the slices are of several sizes")
    changed("short", lambda made: setattr(made, "PixelData", made.PixelData[:50]), "50 bytes of pixels where 60 are due")
    changed("no_spacing", lambda made: setattr(made, "PixelSpacing", [0.0, 1.0]), "PixelSpacing (0028,0030) is [0.0, 1.0]")
    changed(
        "askew", lambda made: setattr(made, "ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), "is not two ways at right angles"
    )
    changed("wide_among_others", lambda made: setattr(made, "BitsAllocated", 32), "5.00 mm after slice 1 where 2.50 mm are usual")
    changed("lying_bits", lambda made: setattr(made, "BitsStored", 40), "are not supported")
    for name, attribute, value, reason in [
        ("mosaic", "ImageType", ["DERIVED", "PRIMARY", "MOSAIC"], "a mosaic"),
        ("colours", "PhotometricInterpretation", "RGB", "a picture in colours (RGB"),
        ("names", "PhotometricInterpretation", "DOE^JOHN", "a picture in colours (of no known kind"),
        ("wide", "BitsAllocated", 32, "an image with 32 bits a pixel, which is not supported"),
    ]:
        files = slices(volume)
        for made in files:
            setattr(made, attribute, value)
        case(name, files, reason)
    many = enhanced(volume)
    many.NumberOfFrames = 5
    case("lying_frames", [many], "5 frames and 4 descriptions of them")

    scan = case("cut", slices(volume), "damaged DICOM file")
    for path in sorted(scan.iterdir())[:1]:
        path.write_bytes(path.read_bytes()[:-40])
    scan = case("cut_in_header", slices(volume), "damaged DICOM file")
    for path in sorted(scan.iterdir())[:1]:
        path.write_bytes(path.read_bytes()[:300])
    scan = case("rle_cut", slices(volume), "damaged DICOM file (a segment of RLE data lies outside of it)", compress=RLELossless)
    for path in sorted(scan.iterdir()):
        made = pydicom.dcmread(path)
        [frame] = pydicom.encaps.generate_frames(made.PixelData, number_of_frames=1)
        made.PixelData = pydicom.encaps.encapsulate([frame[:80]])
        made.save_as(path)
    for name, syntax in [("unsupported", "1.2.840.10008.1.2.4.201"), ("unknown", "1.2.840.10008.1.2.4.55")]:
        unreadable(case(name, slices(volume), "the transfer syntax"), syntax)


def unreadable(scan, syntax):
    for path in sorted(scan.iterdir()):
        made = pydicom.dcmread(path)
        made.file_meta.TransferSyntaxUID = syntax
        made.PixelData = pydicom.encaps.encapsulate([made.PixelData])
        made["PixelData"].is_undefined_length = True
        pydicom.dcmwrite(path, made, enforce_file_format=True)


def itk(folder, path):
    import SimpleITK

    files = [str(path)]
    if path.is_dir():
        files = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(path))
    image = SimpleITK.ReadImage(files)
    if image.GetDimension() == 4:
        image = image[:, :, :, 0]
    voxels = SimpleITK.GetArrayFromImage(image).astype(numpy.float32)
    direction = numpy.array(image.GetDirection()).reshape(3, 3)
    affine = numpy.eye(4)
    affine[:3, :3], affine[:3, 3] = direction * image.GetSpacing(), image.GetOrigin()
    if path.is_file():
        # SimpleITK does not ask how thick the slices of a single file are.
        made = pydicom.dcmread(path)
        affine[:3, 2] = direction[:, 2] * float(made.get("SpacingBetweenSlices") or made.get("SliceThickness") or 1.0)
    numpy.save(folder / f"{path.name}.voxels.npy", voxels)
    numpy.save(folder / f"{path.name}.affine.npy", numpy.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def main():
    root, *files = map(pathlib.Path, sys.argv[1:])
    for file in files:
        itk(root, file)
    if not files:
        readable(root)
        zipped(root)
        refused(root)


if __name__ == "__main__":
    main()
