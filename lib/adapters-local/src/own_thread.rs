//! Blocking state on a thread of its own, so that no async caller ever blocks, and calls are one
//! after the other.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A handle to state that lives on its own thread; the thread ends with the last handle.
pub(crate) struct OwnThread<S> {
    jobs: Sender<Job<S>>,
    /// Why there is no state, if there is none.
    trouble: Arc<Mutex<Option<String>>>,
}

// Derived, it would ask for a state that can be cloned.
impl<S> Clone for OwnThread<S> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone(), trouble: Arc::clone(&self.trouble) }
    }
}

/// The job was not done, and why: there is no state, or its thread panicked.
#[derive(Debug)]
pub(crate) struct Gone(pub(crate) String);

impl<S: Send + 'static> OwnThread<S> {
    pub(crate) fn start(state: S) -> Self {
        let mut state = Some(state);
        Self::start_with(move || state.take().ok_or_else(|| "it was made once".to_owned()))
    }

    /// Makes the state on the thread, while the caller goes on. What cannot be made is tried again with
    /// each job.
    pub(crate) fn start_with(mut make: impl FnMut() -> Result<S, String> + Send + 'static) -> Self {
        let (jobs, queue) = channel::<Job<S>>();
        let trouble = Arc::new(Mutex::new(None));
        let said = Arc::clone(&trouble);
        std::thread::spawn(move || {
            let mut try_it = || {
                let made = make();
                *said.lock().unwrap_or_else(PoisonError::into_inner) = made.as_ref().err().cloned();
                made.ok()
            };
            let mut state = try_it();
            for job in queue {
                state = state.or_else(&mut try_it);
                if let Some(state) = &mut state {
                    job(state);
                }
            }
        });
        Self { jobs, trouble }
    }

    /// Runs `job` there. Dropping the future does not stop it, as with any network.
    pub(crate) async fn call<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> R + Send + 'static,
    ) -> Result<R, Gone> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |state: &mut S| {
            // Nobody listens any more where the caller was dropped.
            let _ = answer.send(job(state));
        });
        self.jobs.send(job).map_err(|_| self.gone())?;
        answered.await.map_err(|_| self.gone())
    }

    fn gone(&self) -> Gone {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Gone(trouble.unwrap_or_else(|| "its thread is gone; restart the program".to_owned()))
    }
}
