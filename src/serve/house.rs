//! What all requests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{OnceCell, watch as told};

use super::budget::{Budget, Held};
use super::fault::Fault;
use super::kept::Kept;
use super::models::{Models, Served};
use super::queue::{Gathering, Place, Queue, Ticket};
use super::remote::Remote;
use super::settings::Settings;
use super::{watch, worker};
use crate::device::Device;
use crate::error::{Error, NotBegun, Result as LibraryResult};
use crate::gpu::Adapter;
use crate::model::Task;
use crate::plan::Precision;
use crate::runner::Runner;

/// The service behind its routes: settings, models, the queue in front of the device.
pub struct House {
    pub settings: Settings,
    pub queue: Arc<Queue>,
    /// Memory of all requests.
    pub budget: Budget,
    pub models: Models,
    /// The device's name as every report quotes it.
    pub device: String,
    /// What the user must be told of the choice of device.
    pub notice: Option<String>,
    precision: Precision,
    /// What was sent and lies on disc.
    pub kept: Kept,
    /// The adapters of the machine, as they were when somebody first asked.
    pub adapters: OnceCell<Vec<Adapter>>,
    is_loaded: AtomicBool,
    /// Whether no new requests are wanted.
    closing: told::Sender<bool>,
}

impl House {
    /// Starts the device thread. Models are loaded by [`House::load`].
    ///
    /// # Errors
    /// When the system gives no thread, or something else in the process counts metrics.
    pub fn open(settings: Settings, device: Device) -> LibraryResult<(Arc<House>, JoinHandle<()>)> {
        watch::begin()?;
        let settings = Settings { batch: settings.batch.max(1), ..settings };
        let gathering = Gathering { most: settings.batch, wait: settings.gather };
        let queue = Arc::new(Queue::new(settings.limits.requests, gathering));
        let house = House {
            models: Models::new(settings.models.clone(), queue.clone()),
            queue: queue.clone(),
            budget: Budget::new(settings.limits.memory as u64, settings.limits.body as u64),
            device: device.name(),
            notice: device.notice().map(str::to_string),
            precision: device.precision(),
            kept: Kept::default(),
            adapters: OnceCell::new(),
            is_loaded: AtomicBool::new(false),
            closing: told::Sender::new(false),
            settings,
        };
        let opening = worker::Opening {
            batch: gathering.most,
            always_gathers: !gathering.wait.is_zero(),
            tunes: house.settings.tunes,
        };
        let thread = worker::start(queue, device, opening)?;
        Ok((Arc::new(house), thread))
    }

    /// Loads all models; from then on the service is ready, if there is one that can be served.
    ///
    /// # Errors
    /// When the models folder cannot be read.
    pub fn load(&self) -> LibraryResult<()> {
        self.models.load_all()?;
        self.is_loaded.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether all models were looked at, be they ready or broken.
    pub fn is_loaded(&self) -> bool {
        self.is_loaded.load(Ordering::Relaxed)
    }

    /// Whether requests can be answered.
    pub fn is_ready(&self) -> bool {
        let is_any = self.models.ready().iter().any(|served| !served.is_lost());
        self.is_loaded() && is_any && !self.is_closing()
    }

    /// The model of a name.
    ///
    /// # Errors
    /// No such model, or not yet.
    pub fn model(&self, name: &str) -> Result<Arc<Served>, Fault> {
        self.models.get(name).map_err(|error| self.none(error))
    }

    /// The first model for a task.
    ///
    /// # Errors
    /// No such model, or not yet.
    pub fn first(&self, task: Task) -> Result<Arc<Served>, Fault> {
        self.models.first(task).map_err(|error| self.none(error))
    }

    /// Until models are loaded nobody knows which there are.
    fn none(&self, error: Error) -> Fault {
        match error {
            Error::Unknown { .. } if !self.is_loaded() => Error::NotBegun(NotBegun::Loading).into(),
            error => error.into(),
        }
    }

    pub fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Says that the service will end: it is not ready any more.
    pub fn begin_closing(&self) {
        self.closing.send_replace(true);
    }

    /// Done once no new requests are wanted.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut told = self.closing.subscribe();
        // Without a sender there is no house either.
        async move {
            let _ = told.wait_for(|is_closing| *is_closing).await;
        }
    }

    /// A place for a request that was read.
    ///
    /// # Errors
    /// When the house is full.
    pub fn admit(&self, body: Held) -> Result<Place, Fault> {
        self.queue.admit(body).ok_or_else(Fault::busy)
    }

    /// A runner whose batches go through the queue, for threads that may wait.
    ///
    /// # Errors
    /// A model for another task, or one that does not allow what the device stores.
    pub(crate) fn runner(&self, served: &Arc<Served>, task: Task, ticket: &Ticket) -> LibraryResult<Runner> {
        let remote = || {
            let (queue, served) = (self.queue.clone(), served.clone());
            let remote = Remote { queue, served, ticket: ticket.clone(), device: self.device.clone() };
            Ok(Box::new(remote) as Box<dyn crate::batches::Batches>)
        };
        let mut runner = Runner::over(&served.model, task, self.precision, remote)?;
        // More at a time would only keep others waiting.
        runner.largest = runner.largest.min(self.queue.sizes(served.lane).worth);
        Ok(runner)
    }
}
