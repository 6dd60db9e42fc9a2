//! Files of volumes with a few bytes changed, cut or exchanged: no reader may panic, or ask for memory that is not there.
//!
//! `GYRUS_FUZZ=2000000 cargo test --test fuzz_volumes` takes so many inputs for each reader that get past its
//! header, and with `GYRUS_WRITE_DOCS=1` writes what came of them to `docs/scans.md`. Every run takes a few.
#![cfg(feature = "dicom")]

mod common;

use std::fs;
use std::io::Write;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use common::docs::{is_writing, replace_section, section};
use common::volumes::{changed, nifti, put};
use gyrus::imaging::read_volume;

/// Of an ordinary run, for each reader.
const FEW: usize = 300;
/// No small file may take longer.
const LONGEST: Duration = Duration::from_secs(5);

/// Those that do are kept, to be looked at.
const SLOW: Duration = Duration::from_secs(1);

/// What is changed, and where what follows the header begins.
struct Seed {
    bytes: Vec<u8>,
    body: usize,
    wrapped: Wrapped,
}

/// What the bytes are put in after they were changed.
#[derive(Clone, Copy)]
enum Wrapped {
    No,
    Gzip,
    Zip,
}

/// A reader with the files that it is given.
struct Target {
    name: &'static str,
    seeds: Vec<Seed>,
}

/// What came of a reader's inputs.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    inputs: usize,
    past_header: usize,
    read: usize,
    panics: usize,
    slowest: Duration,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.inputs += other.inputs;
        self.past_header += other.past_header;
        self.read += other.read;
        self.panics += other.panics;
        self.slowest = self.slowest.max(other.slowest);
    }
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dicom").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn dicom(names: &[&str]) -> Vec<Seed> {
    let seed = |name: &&str| {
        let bytes = fixture(name);
        let tags: [&[u8]; 2] = [&[0xe0, 0x7f, 0x10, 0x00], &[0x7f, 0xe0, 0x00, 0x10]];
        let at = tags.iter().find_map(|tag| bytes.windows(4).position(|part| part == *tag));
        // Of a deflated file nothing can be found; the head of its data set is changed too.
        let body = at.map_or(bytes.len() / 2, |at| at + 12);
        Seed { bytes, body, wrapped: Wrapped::No }
    };
    names.iter().map(seed).collect()
}

/// NIfTI-2 of 4x3x2 voxels of float64, big-endian.
fn nifti_2() -> Vec<u8> {
    let mut bytes = vec![0; 544];
    put(&mut bytes, 0, &540i32.to_be_bytes());
    put(&mut bytes, 4, b"n+2\0\r\n\x1a\n");
    put(&mut bytes, 12, &64i16.to_be_bytes());
    put(&mut bytes, 14, &64i16.to_be_bytes());
    for (n, size) in [3i64, 4, 3, 2, 1, 1, 1, 1].into_iter().enumerate() {
        put(&mut bytes, 16 + 8 * n, &size.to_be_bytes());
    }
    for n in 0..4 {
        put(&mut bytes, 104 + 8 * n, &1.5f64.to_be_bytes());
    }
    put(&mut bytes, 168, &544i64.to_be_bytes());
    bytes.extend((0u8..24).flat_map(|n| f64::from(n).to_be_bytes()));
    bytes
}

fn zip(files: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (n, bytes) in files.iter().enumerate() {
        archive.start_file(n.to_string(), zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(bytes).expect("bytes");
    }
    archive.finish().expect("an archive").into_inner()
}

fn targets() -> Vec<Target> {
    let target = |name, seeds| Target { name, seeds };
    let seed = |bytes: Vec<u8>, body: usize, wrapped: Wrapped| Seed { bytes, body, wrapped };
    let mut archives = dicom(&["implicit.dcm", "rle_signed.dcm"]);
    archives.iter_mut().for_each(|seed| seed.wrapped = Wrapped::Zip);
    archives.push(seed(zip(&[fixture("implicit.dcm"), fixture("rle_signed.dcm")]), 60, Wrapped::No));
    let compressed = gzip(&nifti(|_| {}));
    vec![
        target("NIfTI-1", vec![seed(nifti(|_| {}), 348, Wrapped::No)]),
        target("NIfTI-2", vec![seed(nifti_2(), 540, Wrapped::No)]),
        target(
            "NIfTI, compressed",
            vec![
                seed(nifti(|_| {}), 348, Wrapped::Gzip),
                seed(compressed.clone(), compressed.len() / 2, Wrapped::No),
            ],
        ),
        target("DICOM", dicom(&["implicit.dcm", "big_endian.dcm", "deflated.dcm"])),
        target("DICOM, RLE", dicom(&["rle_signed.dcm"])),
        target(
            "DICOM, JPEG",
            dicom(&["jpeg_baseline.dcm", "jpeg_lossless_12_bit.dcm", "jpeg_lossless_sv1.dcm"]),
        ),
        target("DICOM, JPEG-LS", dicom(&["jpeg_ls.dcm", "jpeg_ls_12_bit.dcm", "jpeg_ls_near.dcm"])),
        target("DICOM, JPEG 2000", dicom(&["jpeg_2000.dcm", "jpeg_2000_signed.dcm", "jpeg_2000_lossy.dcm"])),
        target("DICOM, zip archive", archives),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("bytes");
    out.finish().expect("a file")
}

/// A changed file: mostly in what follows the header, so that most get past it.
fn input(seed: &Seed, random: &mut fastrand::Rng) -> Vec<u8> {
    let bytes = if random.u8(..4) == 0 {
        changed(&seed.bytes, random)
    } else {
        let (head, body) = seed.bytes.split_at(seed.body.min(seed.bytes.len() - 1));
        [head, &changed(body, random)].concat()
    };
    match seed.wrapped {
        Wrapped::No => bytes,
        Wrapped::Gzip => gzip(&bytes),
        Wrapped::Zip => zip(&[bytes]),
    }
}

/// Whether an error is about what follows a header that was accepted.
fn is_past_header(error: &str) -> bool {
    let of_pixels = [
        " data: ",
        "bytes of pixels",
        "has no bytes",
        "not of the size that is stated",
        "fragments do not say",
        "it ends early",
        "it ends before its voxels",
        "corrupt deflate stream",
        "corrupt gzip stream",
        "no pixel data",
        "a size that lies",
        "damaged archive",
    ];
    of_pixels.iter().any(|words| error.contains(words))
}

/// Changes files with this seed until so many got past the header.
fn fuzz(target: &Target, path: &Path, seed: u64, wanted: usize) -> Tally {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    // A reader that turned nearly everything away would be fuzzed no further.
    while tally.past_header < wanted && tally.inputs < 20 * wanted {
        let bytes = input(&target.seeds[random.usize(..target.seeds.len())], &mut random);
        fs::write(path, &bytes).expect("a file");
        let begun = Instant::now();
        let outcome = catch_unwind(|| read_volume(path, None).map(|decoded| decoded.volume.voxels().len()));
        let took = begun.elapsed();
        tally.inputs += 1;
        tally.slowest = tally.slowest.max(took);
        if took > SLOW {
            keep(target, &bytes, "slow");
        }
        match outcome {
            Ok(Ok(voxels)) => {
                assert!(voxels > 0);
                tally.read += 1;
                tally.past_header += 1;
            }
            Ok(Err(error)) => tally.past_header += usize::from(is_past_header(&error.to_string())),
            Err(_) => {
                tally.panics += 1;
                tally.past_header += 1;
                keep(target, &bytes, "panic");
            }
        }
    }
    tally
}

/// Keeps an input to be looked at.
fn keep(target: &Target, bytes: &[u8], why: &str) {
    let name = format!("{why}-{}-{}", target.name, fastrand::u32(..));
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&kept, bytes).expect("a file");
    eprintln!("{why}: kept as {}", kept.display());
}

#[test]
fn no_changed_file_makes_a_reader_panic() {
    let wanted = std::env::var("GYRUS_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(FEW);
    let only = std::env::var("GYRUS_FUZZ_READER").unwrap_or_default();
    // In memory where there is such a place: writing a file takes longer than reading it.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    let folder = tempfile::tempdir_in(place).expect("a folder");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut rows = Vec::new();
    for target in targets().iter().filter(|target| only.is_empty() || target.name == only) {
        let total = Mutex::new(Tally::default());
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (path, total) = (folder.path().join(format!("input-{thread}")), &total);
                scope.spawn(move || {
                    let seed = u64::try_from(thread).expect("a few");
                    let tally = fuzz(target, &path, seed, wanted.div_ceil(threads));
                    total.lock().expect("a tally").add(tally);
                });
            }
        });
        let total = total.into_inner().expect("a tally");
        println!("{}: {total:?}", target.name);
        assert_eq!(total.panics, 0, "{}", target.name);
        assert!(total.past_header >= wanted, "{}: {total:?}", target.name);
        assert!(total.slowest < LONGEST, "{}: {total:?}", target.name);
        let Tally { inputs, past_header, read, panics, slowest } = total;
        let milliseconds = slowest.as_millis();
        let row =
            format!("| {} | {inputs} | {past_header} | {read} | {panics} | {milliseconds} ms |", target.name);
        rows.push((target.name, row));
    }
    if is_writing() && wanted > FEW {
        write(&rows);
    }
}

/// Writes these rows over those of the same readers.
fn write(rows: &[(&str, String)]) {
    let before = section("docs/scans.md", "fuzz");
    let row = |name: &str| {
        let new = rows.iter().find(|(reader, _)| *reader == name).map(|(_, row)| row.clone());
        let old = || before.lines().find(|line| line.starts_with(&format!("| {name} |"))).map(String::from);
        new.or_else(old)
    };
    let heading = [
        "| reader | inputs | past the header | read | panics | slowest |",
        "| --- | --: | --: | --: | --: | --: |",
    ];
    let table =
        heading.into_iter().map(String::from).chain(targets().into_iter().filter_map(|t| row(t.name)));
    replace_section("docs/scans.md", "fuzz", &table.collect::<Vec<_>>().join("\n"));
}
