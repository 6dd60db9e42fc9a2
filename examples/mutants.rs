//! Which mistakes in shaders the builtin suite notices: what `scripts/mutate` starts, several times at once.
//!
//!     mutants --list     every mutant of every shader, a line of JSON each
//!     mutants --check    runs the suite without a mistake
//!     mutants            reads the names of mutants, a line each, and answers each with a line of JSON
//!
//! A mutant that never ends is answered too, and ends the program: its driver knows no way to stop a shader.

use std::collections::BTreeMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{fs, process, thread};

use gyrus::conformance::mutants::{Fate, Hunt, Mutant, mutants};
use gyrus::gpu::{Gpu, quiet_driver};
use gyrus::plan::DeviceClass;
use serde_json::{Value, json};

type Done<T> = Result<T, Box<dyn std::error::Error>>;

/// For one run, with what the twin takes for its case: the largest case takes twenty seconds in all its ways, and the rest of the
/// machine may be at work too.
const LIMIT: Duration = Duration::from_secs(60);
/// Kernels that compute nothing for anybody: they measure the device.
const NOT_OF_THE_SUITE: &str = "ceiling_";

fn main() -> Done<()> {
    quiet_driver();
    let known = all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders"))?;
    match std::env::args().nth(1).as_deref() {
        Some("--list") => {
            known.values().for_each(|(mutant, shader)| println!("{}", described(mutant, shader)))
        }
        Some("--check") => println!("{}", json!({ "passed": hunt()?.0.must_pass()? })),
        _ => answer(&known)?,
    }
    Ok(())
}

/// Every mutant by its name, with the shader that it is of.
fn all(folder: &Path) -> Done<BTreeMap<String, (Mutant, Arc<String>)>> {
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(NOT_OF_THE_SUITE) {
            let text = Arc::new(fs::read_to_string(&path)?);
            found.extend(
                mutants(&name, &text).into_iter().map(|mutant| (mutant.id(), (mutant, text.clone()))),
            );
        }
    }
    Ok(found)
}

fn described(mutant: &Mutant, shader: &str) -> Value {
    json!({
        "id": mutant.id(),
        "shader": mutant.shader,
        "line": mutant.place.0,
        "mistake": mutant.kind.to_string(),
        "code": mutant.line(shader),
        "from": mutant.from,
        "to": mutant.to,
    })
}

fn hunt() -> Done<(Hunt, String)> {
    let gpu = Arc::new(Gpu::open("software", |adapter| adapter.class == DeviceClass::Software)?);
    Ok((Hunt::new(&gpu)?, gpu.name()))
}

fn answer(known: &BTreeMap<String, (Mutant, Arc<String>)>) -> Done<()> {
    let (mut hunt, device) = hunt()?;
    say(&json!({ "version": env!("CARGO_PKG_VERSION"), "device": device }));
    for id in stdin().lock().lines() {
        let id = id?;
        let (mutant, shader) = known.get(&id).ok_or_else(|| format!("no such mutant: {id}"))?;
        let watch = watched(&id);
        let started = &mut || {
            // Nobody hears it where the watch has ended, which ends the program.
            let _ = watch.send(());
        };
        let fate = hunt.fate(mutant, shader, started)?;
        drop(watch);
        say(&answered(&id, &fate));
    }
    Ok(())
}

fn answered(id: &str, fate: &Fate) -> Value {
    match fate {
        Fate::Killed { by, said } => json!({ "id": id, "fate": "killed", "by": by, "said": said }),
        Fate::Survived { runs } => json!({ "id": id, "fate": "survived", "runs": runs }),
        Fate::Stillborn { said } => json!({ "id": id, "fate": "stillborn", "said": said }),
        Fate::Same => json!({ "id": id, "fate": "same" }),
        Fate::Unreached => json!({ "id": id, "fate": "unreached" }),
    }
}

fn say(answer: &Value) {
    let mut out = stdout().lock();
    // Whoever asked has gone where this fails, and nothing is left to be done.
    let _ = writeln!(out, "{answer}").and_then(|()| out.flush());
}

/// Gives the answer for a mutant that does not end, and ends. To be told of the start of every run.
fn watched(id: &str) -> Sender<()> {
    let (start, starts) = channel();
    let late = json!({ "id": id, "fate": "killed", "by": "time", "said": format!("no end within {} s", LIMIT.as_secs()) });
    thread::spawn(move || {
        loop {
            match starts.recv_timeout(LIMIT) {
                Ok(()) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    say(&late);
                    process::abort();
                }
            }
        }
    });
    start
}
