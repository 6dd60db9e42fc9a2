"""What nibabel makes of NIfTI files: the judge of tests/scans.rs.

    judge.py make DIR           writes files of every kind that nibabel can, and what it reads from each
    judge.py read DIR FILE...   writes what it reads from these files

Beside each file DIR/NAME, or as such: NAME.voxels.npy, NAME.ras.npy (after as_closest_canonical), both with i fastest,
NAME.affine.npy, NAME.ras_affine.npy and NAME.codes.
"""

import gzip
import itertools
import pathlib
import struct
import sys

import nibabel
import numpy

TYPES = ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
OBLIQUE = numpy.array(
    [[-1.2, 0.3, 0.1, 20.0], [0.25, 1.5, -0.4, -31.0], [0.2, 0.5, 2.4, 7.5], [0.0, 0.0, 0.0, 1.0]]
)


def voxels(kind):
    """An uneven grid that shows what is exchanged or flipped, with the extremes of its type."""
    numbers = numpy.arange(5 * 4 * 3).reshape(5, 4, 3)
    if kind.startswith("float"):
        return (numbers * 0.37 - 3.25).astype(kind)
    data = numbers.astype(kind)
    data[0, 0, 0], data[4, 3, 2] = numpy.iinfo(kind).min, numpy.iinfo(kind).max
    return data


def image(version, kind="int16", order="<", affine=OBLIQUE, scale=None, sform=2, qform=0):
    make = {1: nibabel.Nifti1Image, 2: nibabel.Nifti2Image, "pair": nibabel.Nifti1Pair}[version]
    header = make.header_class(endianness=order)
    header.set_data_dtype(numpy.dtype(kind).newbyteorder(order))
    made = make(voxels(kind), affine, header, dtype=kind)
    made.set_sform(affine if sform else None, sform)
    made.set_qform(affine if qform else None, qform, strip_shears=True)
    if scale:
        made.header.set_slope_inter(*scale)
    return made


def orthogonal(codes, spacing=(1.0, 1.3, 2.1)):
    """An affine whose axes point as these letters say."""
    affine = numpy.eye(4)
    affine[:3, :3] = 0
    for column, (letter, size) in enumerate(zip(codes, spacing)):
        row = next(n for n, pair in enumerate(["LR", "PA", "IS"]) if letter in pair)
        affine[row, column] = size if letter in "RAS" else -size
    affine[:3, 3] = [3.0, -14.0, 5.0]
    return affine


def made():
    for kind, order, version in itertools.product(TYPES, "<>", [1, 2]):
        name = f"{kind}_{'little' if order == '<' else 'big'}_{version}.nii"
        yield name, image(version, kind, order)
    for first, second, third in itertools.permutations(["LR", "PA", "IS"]):
        for codes in itertools.product(first, second, third):
            codes = "".join(codes)
            yield f"sform_{codes}.nii.gz", image(1, affine=orthogonal(codes))
            yield f"qform_{codes}.nii.gz", image(1, affine=orthogonal(codes), sform=0, qform=1)
    yield "neither.nii", image(1, sform=0)
    yield "both.nii", image(1, affine=orthogonal("PSL"), sform=1, qform=1)
    yield "scaled.nii", image(1, scale=(0.25, -7.5))
    yield "scaled_two.nii.gz", image(2, "float64", ">", scale=(-3.0, 1.0))
    yield "pair.img", image("pair")
    yield "pair_compressed.img.gz", image("pair", order=">")


def write(folder, name, path):
    found = nibabel.load(path)
    canonical = nibabel.as_closest_canonical(found)
    for kind, of in [("", found), ("ras_", canonical)]:
        data = of.get_fdata(dtype=numpy.float64).reshape(of.shape[:3])
        data = numpy.where(numpy.isfinite(data), data, 0.0).astype(numpy.float32)
        numpy.save(folder / f"{name}.{'ras' if kind else 'voxels'}.npy", numpy.ascontiguousarray(data.T))
        numpy.save(folder / f"{name}.{kind}affine.npy", of.affine)
    (folder / f"{name}.codes").write_text("".join(nibabel.aff2axcodes(found.affine)))


def main():
    command, folder, *files = sys.argv[1:]
    folder = pathlib.Path(folder)
    if command == "make":
        for name, made_image in made():
            if name.startswith("scaled"):
                # Stored as they are: nibabel would choose a slope of its own.
                slope, intercept = made_image.header.get_slope_inter()
                nibabel.save(made_image, folder / name)
                rescale(folder / name, slope, intercept)
            else:
                nibabel.save(made_image, folder / name)
            write(folder, name, folder / name)
    for file in map(pathlib.Path, files):
        write(folder, file.name, file)


def rescale(path, slope, intercept):
    """The same stored numbers under another slope."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        content = bytearray(file.read())
    header = nibabel.load(path).header
    place, kind = (112, "f") if header["sizeof_hdr"] == 348 else (176, "d")
    struct.pack_into(f"{header.endianness}2{kind}", content, place, slope, intercept)
    with opened(path, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    main()
