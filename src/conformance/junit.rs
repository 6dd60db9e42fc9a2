//! The report as JUnit XML, which CI systems show.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::report::{DeviceReport, Report};
use super::skip::Reason;
use super::{Outcome, Record};
use crate::error::{Error, Result};

/// The report as an XML document: one test suite for each device and group of cases.
///
/// # Errors
/// Text that XML cannot hold.
pub fn write(report: &Report) -> Result<String> {
    let mut document = quick_junit::Report::new("gyrus conformance");
    document.set_time(seconds(report.devices.iter().map(|device| device.seconds).sum()));
    for device in &report.devices {
        document.add_test_suites(suites(device));
    }
    document.to_string().map_err(|e| Error::Graph(format!("the report cannot be written as XML: {e}")))
}

fn suites(device: &DeviceReport) -> Vec<TestSuite> {
    let together = |a: &Record, b: &Record| a.suite == b.suite && a.group == b.group;
    device.cases.chunk_by(together).map(|records| suite(device, records)).collect()
}

fn suite(device: &DeviceReport, records: &[Record]) -> TestSuite {
    let name =
        records.first().map(|record| format!("{}/{} on {}", record.suite, record.group, device.device));
    let mut suite = TestSuite::new(name.unwrap_or_default());
    suite.set_time(seconds(records.iter().map(|record| record.seconds).sum()));
    suite.add_property(Property::new("device", device.device.as_str()));
    suite.add_test_cases(records.iter().map(case));
    suite
}

fn case(record: &Record) -> TestCase {
    let (status, text) = match &record.verdict.outcome {
        Outcome::Passed => (TestCaseStatus::success(), None),
        Outcome::Skipped { reasons } => (TestCaseStatus::skipped(), Some(joined(reasons))),
        Outcome::Failed { reason } => {
            (TestCaseStatus::non_success(NonSuccessKind::Failure), Some(reason.clone()))
        }
        Outcome::NotRun { reason } => {
            (TestCaseStatus::non_success(NonSuccessKind::Error), Some(reason.clone()))
        }
    };
    let mut status = status;
    if let Some(text) = text {
        status.set_message(text);
    }
    let mut case = TestCase::new(record.case.as_str(), status);
    case.set_classname(record.verdict.operator.as_str());
    case.set_time(seconds(record.seconds));
    if !record.verdict.kernels.is_empty() {
        case.add_property(Property::new("kernels", record.verdict.kernels.join(" ")));
    }
    case
}

fn joined(reasons: &[Reason]) -> String {
    reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join("; ")
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
