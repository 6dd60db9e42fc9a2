//! The models that are served: those of the models folder, each behind a lane of the queue.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::counts::Counts;
use super::queue::{Queue, Task};
use super::worker::sample_shape;
use crate::error::{Error, NotBegun, Result};
use crate::model::{Listed, Model, Task as Kind, list_models};
use crate::origin::Verified;

/// A model that is ready.
pub struct Served {
    /// Of the queue. A model that is loaded again has another.
    pub lane: u64,
    /// The folder's name, by which the model is called.
    pub name: String,
    pub model: Model,
    /// The shape of one sample, where samples of several requests are joined.
    pub sample: Option<Vec<usize>>,
    /// Whether its kernels were held against the twins.
    pub verified: Verified,
    /// Since the first model of this name was loaded.
    pub counts: Arc<Counts>,
    queue: Arc<Queue>,
}

impl Served {
    /// The card's version.
    pub fn version(&self) -> String {
        self.model.card.as_ref().map_or(1, |card| card.version).to_string()
    }

    /// Whether it went with its device, which could not be opened again so far.
    pub fn is_lost(&self) -> bool {
        self.queue.is_lost(self.lane)
    }

    /// What the card says that the model answers.
    pub fn task(&self) -> Option<Kind> {
        self.model.card.as_ref().map(|card| card.task)
    }
}

impl Drop for Served {
    /// With the last request that used it the device forgets it.
    fn drop(&mut self) {
        self.queue.order(Task::Close { lane: self.lane });
    }
}

/// A model of the folder, as it stands.
#[derive(Clone)]
pub enum State {
    Ready(Arc<Served>),
    /// Why it cannot be served, in words without a path.
    Broken(String),
    /// It was unloaded.
    Unloaded,
}

/// All models of the folder.
pub struct Models {
    folder: PathBuf,
    queue: Arc<Queue>,
    next_lane: AtomicU64,
    states: RwLock<BTreeMap<String, State>>,
    /// Of every model that was ever ready, by name: counters never go back.
    counts: Mutex<BTreeMap<String, Arc<Counts>>>,
    /// Held by whoever changes them: one after the other.
    changing: Mutex<()>,
}

impl Models {
    pub fn new(folder: PathBuf, queue: Arc<Queue>) -> Models {
        Models {
            folder,
            queue,
            next_lane: AtomicU64::new(1),
            states: RwLock::default(),
            counts: Mutex::default(),
            changing: Mutex::default(),
        }
    }

    /// Loads every model of the folder anew, one after the other; each replaces the one of its name once it is ready, and the
    /// requests that the old one has are answered by it. Models that are gone from the folder go.
    ///
    /// # Errors
    /// When the folder cannot be read. A model that is broken is no error: it is listed as broken, and one of its name that
    /// was ready stays.
    pub fn load_all(&self) -> Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = list_models(&self.folder)?;
        let names: Vec<String> = listed.iter().map(|listed| listed.name.clone()).collect();
        for listed in listed {
            let (name, opened) = (listed.name.clone(), self.open(listed));
            let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
            match (opened, states.get(&name)) {
                (Ok(served), _) => {
                    states.insert(name, State::Ready(served));
                }
                (Err(error), Some(State::Ready(_))) => {
                    tracing::error!(model = name, %error, "the model cannot be loaded again; the one before stays");
                }
                (Err(error), _) => {
                    tracing::error!(model = name, %error, "the model cannot be served");
                    states.insert(name, State::Broken(without_path(&error)));
                }
            }
        }
        self.states.write().unwrap_or_else(PoisonError::into_inner).retain(|name, _| names.contains(name));
        Ok(())
    }

    /// Loads one model of the folder, in place of the one that was ready.
    ///
    /// # Errors
    /// When there is none of this name, or it is broken.
    pub fn load(&self, name: &str) -> Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list_models(&self.folder)?.into_iter().find(|listed| listed.name == name);
        let served = self.open(found.ok_or_else(|| self.unknown(name))?)?;
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        states.insert(name.to_string(), State::Ready(served));
        Ok(())
    }

    /// Has models opened again that went with their device: where they are not ready nobody asks, and by that they would stay so.
    pub fn recover(&self) {
        for served in self.ready().iter().filter(|served| served.is_lost()) {
            self.queue.order(Task::Recover { lane: served.lane });
        }
    }

    /// Takes a model out of service. Its requests are answered first.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn unload(&self, name: &str) -> Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut states = self.states.write().unwrap_or_else(PoisonError::into_inner);
        match states.get_mut(name) {
            Some(state) => *state = State::Unloaded,
            None => {
                drop(states);
                return Err(self.unknown(name));
            }
        }
        Ok(())
    }

    fn open(&self, listed: Listed) -> Result<Arc<Served>> {
        listed.card?;
        let model = Model::load(&listed.folder)?;
        let sample = sample_shape(&model);
        let lane = self.next_lane.fetch_add(1, Ordering::Relaxed);
        let (ready, opened) = tokio::sync::oneshot::channel();
        self.queue.order(Task::Open { lane, model: Box::new(model.clone()), ready });
        let verified = opened.blocking_recv().unwrap_or(Err(Error::NotBegun(NotBegun::Closing)))?;
        let (name, queue) = (listed.name, self.queue.clone());
        let counts = self.counts().entry(name.clone()).or_default().clone();
        Ok(Arc::new(Served { lane, name, model, sample, verified, counts, queue }))
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Counts>>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All models by name, with how each stands.
    pub fn states(&self) -> BTreeMap<String, State> {
        self.states.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that are ready, by name.
    pub fn ready(&self) -> Vec<Arc<Served>> {
        let ready = |state: &State| match state {
            State::Ready(served) => Some(served.clone()),
            _ => None,
        };
        self.states.read().unwrap_or_else(PoisonError::into_inner).values().filter_map(ready).collect()
    }

    /// The model of a name.
    ///
    /// # Errors
    /// When there is none, or it is not ready.
    pub fn get(&self, name: &str) -> Result<Arc<Served>> {
        match self.states.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            Some(State::Ready(served)) => Ok(served.clone()),
            _ => Err(self.unknown(name)),
        }
    }

    /// The model that is meant where none is named: the first of this task.
    ///
    /// # Errors
    /// When none of this task is ready.
    pub fn first(&self, task: Kind) -> Result<Arc<Served>> {
        let found = self.ready().into_iter().find(|served| served.task() == Some(task));
        found.ok_or_else(|| Error::Unknown {
            kind: "model",
            name: format!("for {}", task.name()),
            remedy: "none is ready".into(),
        })
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<String> = self.ready().iter().map(|served| served.name.clone()).collect();
        // A name may be as long as an address line.
        let name = name.chars().take(100).collect();
        Error::Unknown { kind: "model", name, remedy: format!("ready are: {}", names.join(", ")) }
    }
}

/// An error in words that do not say where files lie.
fn without_path(error: &Error) -> String {
    match error {
        Error::File { reason, remedy, .. } => format!("{reason}; {remedy}"),
        other => other.to_string(),
    }
}
