//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gyrus::gpu::Gpu;
use gyrus::tuning::{Cache, DEFAULT, Dropped, NetworkTimes, PlanTime, SiteTimes, Subject, Tunings};
use serde::Serialize;

use super::super::output::{Column, Format, json_line, table};
use super::super::progress::printable;

/// What is known of one device, or of one network on it.
#[derive(Debug, Serialize)]
pub struct Report {
    device: String,
    /// The file that remembers it.
    cache: Option<String>,
    subject: Subject,
    networks: Vec<NetworkTimes>,
    sites: Vec<Site>,
    dropped: Vec<DroppedKernel>,
}

#[derive(Debug, Serialize)]
struct Site {
    site: String,
    default: String,
    #[serde(flatten)]
    times: SiteTimes,
    /// The default's time in units of the winner's.
    speed_up: Option<f64>,
}

#[derive(Debug, Serialize)]
struct DroppedKernel {
    kernel: String,
    #[serde(flatten)]
    dropped: Dropped,
}

impl Report {
    /// With a model, only what concerns its networks.
    pub fn of(tunings: Tunings, gpu: &Gpu, cache: &Cache, model: Option<&str>) -> Report {
        let networks = tunings.networks.into_values();
        let networks: Vec<NetworkTimes> =
            networks.filter(|network| model.is_none_or(|model| network.model == model)).collect();
        let sites = of_networks(tunings.sites, &networks, model.is_some());
        let dropped = tunings.dropped.into_iter();
        Report {
            device: gpu.name(),
            cache: cache.path().map(|path| path.display().to_string()),
            subject: tunings.subject,
            networks,
            sites: sites.into_iter().map(|(site, times)| Site::new(site, times)).collect(),
            dropped: dropped.map(|(kernel, dropped)| DroppedKernel { kernel, dropped }).collect(),
        }
    }
}

/// The sites of these networks in their order, then the others unless only those are asked for.
fn of_networks(
    mut sites: BTreeMap<String, SiteTimes>,
    networks: &[NetworkTimes],
    only: bool,
) -> Vec<(String, SiteTimes)> {
    let named = networks.iter().flat_map(|network| &network.sites);
    let mut ordered: Vec<(String, SiteTimes)> = named.filter_map(|name| sites.remove_entry(name)).collect();
    if !only {
        ordered.extend(sites);
    }
    ordered
}

impl Site {
    fn new(site: String, times: SiteTimes) -> Site {
        let default = times.candidates.first().map(|c| c.kernel.clone()).unwrap_or_default();
        let winner = times.winner.as_deref().and_then(|winner| times.milliseconds(winner));
        let speed_up = times.milliseconds(&default).zip(winner).map(|(before, after)| before / after);
        Site { site, default, speed_up: speed_up.filter(|s| s.is_finite()), times }
    }

    fn winner(&self) -> &str {
        self.times.winner.as_deref().unwrap_or("-")
    }
}

/// Prints what a tuning has found: a line for each site.
pub fn tuned(report: &Report, format: Format) -> io::Result<()> {
    print(report, format, |out| {
        let columns = [
            Column::Left("site"),
            Column::Left("default"),
            Column::Right("ms"),
            Column::Left("winner"),
            Column::Right("ms"),
            Column::Right("speed-up"),
        ];
        let row = |site: &Site| {
            let [before, after] = [site.default.as_str(), site.winner()];
            let speed_up = site.speed_up.map_or_else(|| "-".into(), |times| format!("{times:.2}"));
            let time = |kernel| milliseconds(site.times.milliseconds(kernel));
            vec![
                printable(&site.site),
                before.into(),
                time(before),
                site.winner().into(),
                time(after),
                speed_up,
            ]
        };
        table(out, &columns, &report.sites.iter().map(row).collect::<Vec<_>>())
    })
}

/// Prints all that is remembered: a line for each kernel at each site.
pub fn show(report: &Report, format: Format) -> io::Result<()> {
    print(report, format, |out| {
        if report.sites.is_empty() && report.dropped.is_empty() {
            return writeln!(out, "nothing has been measured; `gyrus tune` does it");
        }
        let columns = [
            Column::Left("site"),
            Column::Left("kernel"),
            Column::Right("ms"),
            Column::Left("measured"),
            Column::Left("verdict"),
        ];
        table(out, &columns, &report.sites.iter().flat_map(rows).collect::<Vec<_>>())
    })
}

fn rows(site: &Site) -> Vec<Vec<String>> {
    let rows = site.times.candidates.iter().enumerate().map(|(i, candidate)| {
        let mut verdict = Vec::new();
        if i == 0 {
            verdict.push("default".to_string());
        }
        match (&candidate.fault, &site.times.winner) {
            (Some(fault), _) => verdict.push(printable(fault)),
            (None, Some(winner)) if *winner == candidate.kernel => verdict.push("winner".into()),
            (None, Some(_)) => verdict.push("loser".into()),
            (None, None) => verdict.push("not compared end to end yet".into()),
        }
        let (name, day) = match i {
            0 => (printable(&site.site), date(site.times.measured)),
            _ => Default::default(),
        };
        vec![name, candidate.kernel.clone(), milliseconds(candidate.milliseconds), day, verdict.join(", ")]
    });
    rows.collect()
}

fn print(
    report: &Report,
    format: Format,
    sites: impl Fn(&mut io::StdoutLock) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => json_line(&mut out, report)?,
        Format::Table => {
            for network in &report.networks {
                print_network(&mut out, network, &report.device)?;
            }
            sites(&mut out)?;
            for DroppedKernel { kernel, dropped } in &report.dropped {
                writeln!(
                    out,
                    "{kernel} computes wrong here and is not used: {}",
                    printable(&dropped.reason)
                )?;
            }
            let file = report.cache.as_deref().unwrap_or("(nowhere: the system names no cache folder)");
            writeln!(out, "remembered in {}\n", printable(file))?;
        }
    }
    out.flush()
}

fn print_network(out: &mut impl Write, network: &NetworkTimes, device: &str) -> io::Result<()> {
    let inputs = printable(&network.inputs.join(" "));
    writeln!(out, "{} {inputs} on {device}, {}", printable(&network.model), date(network.measured))?;
    if let [PlanTime { milliseconds: None, .. }] = network.plans.as_slice() {
        return writeln!(out, "the default order is the fastest at every site\n");
    }
    for plan in &network.plans {
        let taken = if plan.name == network.chosen { ", taken" } else { "" };
        let name = if plan.name == DEFAULT { "default order".into() } else { printable(&plan.name) };
        match (plan.milliseconds, plan.speed_up) {
            (Some(ms), None) => writeln!(out, "    {ms:9.3} ms  {name}{taken}")?,
            (Some(ms), Some(times)) => {
                let speed =
                    format!("{times:.2} times as fast, faster in {} of {} rounds", plan.won, plan.rounds);
                writeln!(out, "    {ms:9.3} ms  {name} ({speed}){taken}")?;
            }
            (None, _) => {
                let fault = plan.fault.as_deref().unwrap_or("not timed");
                writeln!(out, "            -     {name}: {}", printable(fault))?;
            }
        }
    }
    writeln!(out)
}

fn milliseconds(time: Option<f64>) -> String {
    time.map_or_else(|| "-".into(), |ms| format!("{ms:.4}"))
}

/// The day, in UTC, of a number of seconds since 1970 (Howard Hinnant's `civil_from_days`).
fn date(seconds: u64) -> String {
    // Far enough for any clock; a file may hold anything.
    let days = (seconds / 86_400).min(2_932_896) + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_are_those_of_the_calendar() {
        let days = [0, 951_782_399, 951_782_400, 1_764_028_800, 4_102_444_799, u64::MAX].map(date);
        assert_eq!(
            days,
            ["1970-01-01", "2000-02-28", "2000-02-29", "2025-11-25", "2099-12-31", "9999-12-31"]
        );
    }
}
