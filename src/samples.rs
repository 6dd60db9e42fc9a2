//! Scans that come with the program, for those who have none at hand.

use crate::model::Task;

/// A picture that comes with the program.
#[derive(Debug)]
pub(crate) struct Sample {
    pub file: &'static str,
    pub title: &'static str,
    /// What it is to be used for.
    pub task: Task,
    /// PNG.
    pub bytes: &'static [u8],
}

/// All of them.
pub(crate) static SAMPLES: [Sample; 4] = [
    Sample {
        file: "icbm152_z10.png",
        title: "An average brain",
        task: Task::Classification,
        bytes: include_bytes!("../samples/slices/icbm152_z10.png"),
    },
    Sample {
        file: "icbm152_z24.png",
        title: "The same, 14 mm higher",
        task: Task::Classification,
        bytes: include_bytes!("../samples/slices/icbm152_z24.png"),
    },
    Sample {
        file: "not-a-scan.png",
        title: "Something that is no scan",
        task: Task::Classification,
        bytes: include_bytes!("../samples/slices/not-a-scan.png"),
    },
    Sample {
        file: "drawn-tumour.png",
        title: "A drawn tumour",
        task: Task::Segmentation,
        bytes: include_bytes!("../samples/patients/drawn/08.png"),
    },
];
