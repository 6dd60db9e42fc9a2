//! Where masks and resampled volumes lie.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use gyrus::imaging::{Grid, Plane, read_volume, write_mask_volume};
use gyrus::npy;
use gyrus::segment::{Segmentation, SegmentedVolume};

use super::{judge, scans};
use crate::common::volumes::far;

/// The judge's ellipsoid, slice by slice.
fn ellipsoid(grid: Grid, plane: Plane) -> SegmentedVolume {
    let place = |voxel: usize| {
        let [width, height, _] = grid.size;
        let index = [voxel % width, voxel / width % height, voxel / (width * height)];
        grid.affine.apply(index.map(|n| n as f64))
    };
    let middle = grid.affine.apply(grid.size.map(|n| (n - 1) as f64 / 2.0));
    let is_inside = |voxel: usize| {
        let point = place(voxel);
        let away: [f64; 3] = std::array::from_fn(|n| point[n] - middle[n] - [6.0, -9.0, 2.0][n]);
        let radii = [31.0, 17.0, 11.0];
        let sum: f64 = away.iter().zip(radii).map(|(a, r)| (a / r).powi(2)).sum();
        sum <= 1.0 && !(away[0] > 4.0 && away[1] > 3.0)
    };
    let [width, height] = plane.slice_size(&grid);
    let slice = |number: usize| Segmentation {
        width,
        height,
        mask: plane.pixels(&grid, number).map(is_inside).collect(),
        probabilities: None,
        warnings: Vec::new(),
        pixel_area: None,
        scale: 1.0,
        milliseconds: 0.0,
    };
    let slices = (0..plane.count(&grid)).map(|number| (number, Ok(slice(number)))).collect();
    SegmentedVolume { grid, plane, slices, warnings: Vec::new() }
}

#[test]
fn an_ellipsoid_lies_where_it_should() {
    let Some(scans) = scans() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut arguments: Vec<OsString> = vec!["ellipsoids".into()];
    // One that does not say where it lies.
    fs::copy(scans.join("nifti/orientations/RAS.nii.gz"), folder.path().join("RAS.nii.gz")).expect("a file");
    judge(&["unplaced".as_ref(), folder.path().as_os_str()]);
    let unplaced = folder.path().join("unplaced.nii");
    let cases = [
        ("nifti/brainchop_t1_crop.nii.gz", Plane::Axial),
        ("nifti/niivue_FLAIR.nii.gz", Plane::Coronal),
        ("dicom/series", Plane::Axial),
        ("nifti/orientations/SAL.nii.gz", Plane::Sagittal),
        ("nifti/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz", Plane::Axial),
        (unplaced.to_str().expect("a path"), Plane::Coronal),
    ];
    for (n, (name, plane)) in cases.into_iter().enumerate() {
        let scan = scans.join(name);
        let grid = *read_volume(&scan, None).expect("a volume").volume.grid();
        let drawn = ellipsoid(grid, plane);
        let written = folder.path().join(format!("{n}.nii.gz"));
        write_mask_volume(&written, &grid, &drawn.mask().expect("a mask")).expect("a file");
        arguments.extend([scan.into_os_string(), written.into_os_string()]);
    }
    judge(&arguments);
}

#[test]
fn resampling_is_itks() {
    let Some(scans) = scans() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let nifti = scans.join("nifti");
    let pairs = [
        // Onto an oblique grid, to a coarser and to a finer one, from one that is stored in another order.
        ("mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz", "niivue_FLAIR.nii.gz"),
        ("niivue_FLAIR.nii.gz", "niivue_avg152T1_RL_nifti.nii.gz"),
        ("orientations/SAL.nii.gz", "niivue_FLAIR.nii.gz"),
    ];
    for (moving, fixed) in pairs {
        let [moving, fixed] = [moving, fixed].map(|name| nifti.join(name));
        judge(&["resample".as_ref(), folder.path().as_os_str(), moving.as_os_str(), fixed.as_os_str()]);
        let read = |path: &Path| read_volume(path, None).expect("a volume").volume;
        let found = read(&moving).resampled(read(&fixed).grid()).expect("a volume");
        let judged = folder.path().join("resampled.npy");
        assert!(npy::read(&judged).is_ok());
        let lit = found.voxels().iter().filter(|&&v| v > 0.0).count();
        assert!(10 * lit > found.voxels().len(), "{}", moving.display());
        let surface = far_beyond_the_rim(&judged, found.voxels());
        assert!(surface.is_none(), "{}: {surface:?}", moving.display());
    }
}

/// Where the two differ, but for voxels within rounding of the volume's rim, that either may count as outside.
fn far_beyond_the_rim(judged: &Path, found: &[f32]) -> Option<String> {
    let tensor = npy::read(judged).expect("an array");
    let expected = tensor.as_f32().expect("f32");
    let on_rim = |(a, b): (&f32, &f32)| (*a == 0.0) != (*b == 0.0);
    let rim = found.iter().zip(expected).filter(|pair| on_rim(*pair)).count();
    if rim * 10_000 > found.len() {
        return Some(format!("{rim} voxels are outside for one and inside for the other"));
    }
    let pairs = found.iter().zip(expected);
    let aligned: Vec<f32> = pairs.map(|(a, b)| if on_rim((a, b)) { *b } else { *a }).collect();
    far("voxels", judged, &aligned)
}
