//! Volumes against nibabel, and every way in which their files can be wrong.
//!
//! `GYRUS_PYTHON` names a Python with nibabel; `scripts/test` sets it. Without it the tests fail: a judge that is left
//! out judges nothing.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::command::{arg, errors, gyrus, lines};
use common::volumes::{affine, far, nifti, put, put_f32};
use gyrus::error::Result;
use gyrus::imaging::{Decoded, Volume};
use gyrus::npy;
use tempfile::TempDir;

fn read_volume(path: &Path) -> Result<Decoded> {
    gyrus::imaging::read_volume(path, None)
}

/// Has nibabel write and read.
fn judge(command: &str, files: &[PathBuf]) -> TempDir {
    let python = std::env::var_os("GYRUS_PYTHON")
        .expect("GYRUS_PYTHON must name a Python with nibabel; scripts/test makes one");
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scans/judge.py");
    let output = Command::new(python).arg(script).arg(command).arg(folder.path()).args(files).output();
    let output = output.expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// What nibabel found of a file.
struct Expected<'a> {
    folder: &'a Path,
    name: String,
}

impl Expected<'_> {
    fn numbers(&self, what: &str) -> Vec<f32> {
        let tensor = npy::read(&self.folder.join(format!("{}.{what}.npy", self.name))).expect("an array");
        tensor.as_f32().expect("f32").to_vec()
    }

    /// In what the volume differs.
    fn differences(&self, volume: Volume) -> Vec<String> {
        let codes = fs::read_to_string(self.folder.join(format!("{}.codes", self.name))).expect("codes");
        let mut faults = Vec::new();
        let orientation = volume.orientation().to_string();
        if orientation != codes {
            faults.push(format!("{}: {orientation} instead of {codes}", self.name));
        }
        faults.extend(self.far("voxels", volume.voxels()));
        faults.extend(self.far("affine", &affine(&volume)));
        let before = volume.clone();
        let ras = volume.into_ras();
        faults.extend(self.far("ras_affine", &affine(&ras)));
        // Bit for bit: what is moved is not computed with.
        let bits = |voxels: &[f32]| voxels.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let own = before.voxels() == self.numbers("voxels");
        if own && bits(ras.voxels()) != bits(&self.numbers("ras")) {
            faults.push(format!("{}: other voxels once reoriented", self.name));
        }
        faults.extend(self.far("ras", ras.voxels()));
        faults
    }

    fn far(&self, what: &str, found: &[f32]) -> Option<String> {
        far(what, &self.folder.join(format!("{}.{what}.npy", self.name)), found)
    }
}

/// Compares every file that has been judged with what is read of it.
fn compare(folder: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        match read_volume(file) {
            Ok(decoded) => faults.extend(Expected { folder, name }.differences(decoded.volume)),
            Err(error) => faults.push(error.to_string()),
        }
    }
    faults
}

/// Every type, byte order, version and orientation, with sform, qform, both and neither, scaled, in pairs.
#[test]
fn volumes_are_what_nibabel_reads() {
    let folder = judge("make", &[]);
    let judged =
        fs::read_dir(folder.path()).expect("the folder").map(|entry| entry.expect("an entry").path());
    let files: Vec<PathBuf> = judged
        .filter(|path| path.extension().is_some_and(|ending| ending == "codes"))
        .map(|path| path.with_extension(""))
        .collect();
    assert!(files.len() > 140, "{} files", files.len());
    let faults = compare(folder.path(), &files);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The other file of a pair is as good.
    let header = folder.path().join("pair.hdr");
    let faults = Expected { folder: folder.path(), name: "pair.img".into() }
        .differences(read_volume(&header).expect("a pair").volume);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The real volumes, where this checkout has them beside it.
#[test]
fn real_volumes_are_what_nibabel_reads() {
    let scans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/scans/nifti");
    if !scans.is_dir() {
        eprintln!("not run: {} is not there, and its files may not be copied", scans.display());
        return;
    }
    let folders = [scans.clone(), scans.join("orientations")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect();
    assert!(files.len() > 15, "{files:?}");
    let folder = judge("read", &files);
    let faults = compare(folder.path(), &files);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // One brain in many orders of its axes.
    let brains = files.iter().filter(|path| path.parent() == Some(&scans.join("orientations")));
    let brains: Vec<Volume> =
        brains.map(|path| read_volume(path).expect("a volume").volume.into_ras()).collect();
    let [first, others @ ..] = brains.as_slice() else { panic!("no volumes") };
    assert!(others.iter().all(|other| other.voxels() == first.voxels()), "the brains differ");
}

fn sform(bytes: &mut [u8], rows: [f32; 12]) {
    put(bytes, 254, &1i16.to_le_bytes());
    put_f32(bytes, 280, &rows);
}

/// What is wrong, the file, and what the error has to say.
type Wrong = (&'static str, Vec<u8>, &'static str);

fn wrong_files() -> Vec<Wrong> {
    let dimension = |n: usize, size: i16| nifti(|b| put(b, 40 + 2 * n, &size.to_le_bytes()));
    let datatype = |code: i16| nifti(|b| put(b, 70, &code.to_le_bytes()));
    let spacing = |n: usize, mm: f32| nifti(|b| put_f32(b, 76 + 4 * n, &[mm]));
    let compressed = |cut: usize, flip: usize| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &nifti(|_| {})).expect("compressed");
        let mut bytes = encoder.finish().expect("compressed");
        bytes.truncate(bytes.len() - cut);
        if flip > 0 {
            let place = bytes.len() - flip;
            bytes[place] ^= 1;
        }
        bytes
    };
    vec![
        ("empty", vec![], "not a volume that can be read"),
        ("a text", b"not a scan at all".to_vec(), "not a volume that can be read"),
        ("cut in its header", nifti(|b| b.truncate(200)), "it ends within its header, after 200 bytes"),
        ("cut in its voxels", nifti(|b| b.truncate(390)), "it is too short for the 4x3x2 voxels of int16"),
        ("compressed and cut", compressed(30, 0), "it ends early"),
        ("compressed and cut in its checksum", compressed(4, 0), "damaged NIfTI file"),
        ("compressed, its checksum wrong", compressed(0, 6), "damaged NIfTI file"),
        ("wrong magic", nifti(|b| put(b, 344, b"n+7\0")), "its magic number is not one of NIfTI's"),
        ("no magic", nifti(|b| put(b, 344, &[0; 4])), "an ANALYZE 7.5 header"),
        ("no dimensions", dimension(0, 0), "it states 0 dimensions"),
        ("too many dimensions", dimension(0, 8), "it states 8 dimensions"),
        ("a negative dimension", dimension(2, -3), "dimension 2 is -3"),
        ("an empty dimension", dimension(3, 0), "dimension 3 is 0"),
        (
            "dimensions that overflow",
            nifti(|b| put(b, 42, &[0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f])),
            "are too many",
        ),
        ("dimensions that lie", dimension(1, 32_000), "it is too short"),
        (
            "several volumes",
            nifti(|b| {
                put(b, 40, &4i16.to_le_bytes());
                put(b, 48, &5i16.to_le_bytes());
            }),
            "the file holds 5 volumes",
        ),
        ("colours", datatype(128), "voxels that are colours are not supported"),
        ("complex numbers", datatype(32), "voxels that are complex numbers are not supported"),
        ("an unknown type", datatype(77), "voxels of the unknown type 77"),
        ("no spacing", spacing(1, 0.0), "the spacing of its voxels along i is 0"),
        ("negative spacing", spacing(3, -2.0), "the spacing of its voxels along k is -2"),
        ("endless spacing", spacing(2, f32::INFINITY), "the spacing of its voxels along j is inf"),
        (
            "voxels in the header",
            nifti(|b| put_f32(b, 108, &[100.0])),
            "its voxels are said to begin at byte 100",
        ),
        (
            "voxels nowhere",
            nifti(|b| put_f32(b, 108, &[f32::NAN])),
            "its voxels are said to begin at byte NaN",
        ),
        ("voxels past the end", nifti(|b| put_f32(b, 108, &[1e6])), "it is too short"),
        (
            "an endless intercept",
            nifti(|b| put_f32(b, 112, &[2.0, f32::NEG_INFINITY])),
            "its intercept is -inf",
        ),
        (
            "a singular affine",
            nifti(|b| sform(b, [1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0])),
            "the affine is singular",
        ),
        (
            "an affine that is no number",
            nifti(|b| sform(b, [f32::NAN; 12])),
            "the affine has numbers that are not finite",
        ),
        (
            "a quaternion that is none",
            nifti(|b| {
                put(b, 252, &1i16.to_le_bytes());
                put_f32(b, 256, &[3.0, 0.0, 0.0]);
            }),
            "the quaternion of its qform is longer than 1",
        ),
        (
            "half a pair",
            nifti(|b| put(b, 344, b"ni1\0")),
            "its voxels lie in a file .img that is not beside it",
        ),
    ]
}

#[test]
fn wrong_files_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut faults = Vec::new();
    for (what, bytes, reason) in wrong_files() {
        let path = folder.path().join("scan.nii");
        fs::write(&path, bytes).expect("a file");
        match read_volume(&path).map_err(|e| e.to_string()) {
            Ok(_) => faults.push(format!("{what}: read")),
            Err(e) if e.contains(reason) && e.contains("scan.nii: ") && e.lines().count() == 1 => {}
            Err(e) => faults.push(format!("{what}: {e}")),
        }
    }
    for path in [folder.path().join("missing.nii"), folder.path().to_path_buf()] {
        assert!(read_volume(&path).is_err(), "{}", path.display());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_legal_but_rare_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |bytes: Vec<u8>| {
        let path = folder.path().join("scan.nii");
        fs::write(&path, bytes).expect("a file");
        read_volume(&path).unwrap_or_else(|e| panic!("{e}"))
    };
    let plain = read(nifti(|_| {}));
    assert_eq!((plain.volume.size(), plain.volume.spacing()), ([4, 3, 2], [1.0, 2.0, 3.0]));
    assert!(plain.notes.iter().any(|note| note.contains("sides are assumed")), "{:?}", plain.notes);
    // A slope that is no number scales nothing, pixdim[0] may be 0, and spacing is not asked for beside an sform.
    let odd = read(nifti(|b| {
        put_f32(b, 112, &[f32::NAN, 5.0]);
        put_f32(b, 76, &[0.0, -1.0, 0.0, 0.0]);
        sform(b, [-2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    }));
    assert_eq!(odd.volume.voxels()[..3], [0.0, 1.0, 2.0]);
    assert_eq!((odd.volume.orientation().to_string(), odd.notes.len()), ("LAS".to_string(), 0));
    // Metres become millimetres.
    assert_eq!(read(nifti(|b| b[123] = 1)).volume.spacing(), [1e3, 2e3, 3e3]);
    // Numbers that are none count as zero, and are counted.
    let holes = read(nifti(|b| {
        put(b, 70, &16i16.to_le_bytes());
        b.truncate(352);
        b.extend((0..24).flat_map(|n: u8| if n < 2 { f32::NAN } else { f32::from(n) }.to_le_bytes()));
    }));
    assert_eq!(holes.volume.voxels()[..3], [0.0, 0.0, 2.0]);
    assert!(holes.notes.iter().any(|note| note.starts_with("2 voxels are not")), "{:?}", holes.notes);
}

#[test]
fn a_volume_is_viewed() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("scan.nii"), nifti(|_| {})).expect("a file");
    let view = |more: &[&str]| gyrus(folder.path(), &[&["view", "scan.nii"], more].concat());
    let output = view(&["--format", "json", "--axis", "coronal"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let [report] = lines(&output).try_into().expect("one line");
    assert_eq!(report["size"], serde_json::json!([4, 3, 2]));
    assert_eq!(report["orientation"], "LAS");
    assert_eq!(report["montage"], "gyrus-out/scan_montage.png");
    let picture = image::open(folder.path().join("gyrus-out/scan_montage.png")).expect("a picture");
    assert!(picture.width() > 200 && picture.height() > 200, "{}x{}", picture.width(), picture.height());
    // Nothing is written over.
    let again = view(&[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(errors(&again).join("").contains("--force"), "{again:?}");
    assert_eq!(view(&["--force"]).status.code(), Some(0));
    let missing = gyrus(folder.path(), &["view".to_string(), arg(Path::new("none.nii"))]);
    assert_eq!((missing.status.code(), errors(&missing).len()), (Some(2), 1), "{missing:?}");
}
