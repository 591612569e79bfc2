//! Blocking state on a thread of its own, so that no async caller ever blocks, and calls are one
//! after the other.

use std::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A handle to state that lives on its own thread; the thread ends with the last handle.
pub(crate) struct OwnThread<S> {
    jobs: Sender<Job<S>>,
}

// Derived, it would ask for a state that can be cloned.
impl<S> Clone for OwnThread<S> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

/// The thread is gone: it panicked.
#[derive(Debug)]
pub(crate) struct Gone;

impl<S: Send + 'static> OwnThread<S> {
    pub(crate) fn start(mut state: S) -> Self {
        let (jobs, queue) = channel::<Job<S>>();
        std::thread::spawn(move || queue.into_iter().for_each(|job| job(&mut state)));
        Self { jobs }
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
        self.jobs.send(job).map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}
