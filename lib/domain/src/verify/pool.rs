//! Checking runs on several threads, answers in the order of the questions.
//!
//! Jobs go round the workers and are collected in the same round, so order costs no buffer and at
//! most a few jobs per worker are in memory at once.

use super::{Checked, Chunk, Options, check};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Jobs that wait at one worker: one being checked, one ready.
const DEPTH: usize = 2;

struct Worker {
    jobs: SyncSender<Chunk>,
    answers: Receiver<Checked>,
    thread: JoinHandle<()>,
}

/// A fixed set of threads that check runs.
pub struct Pool {
    options: Arc<Options>,
    workers: Vec<Worker>,
    sent: usize,
    received: usize,
}

impl Pool {
    /// As many threads as the options say; none checks on the caller's.
    pub fn new(options: &Options) -> Self {
        let options = Arc::new(options.clone());
        let workers = (0..options.threads).map(|_| Worker::start(Arc::clone(&options))).collect();
        Self { options, workers, sent: 0, received: 0 }
    }

    /// Hands over one run; gives back the answer to the oldest once enough are under way.
    pub fn submit(&mut self, chunk: Chunk) -> Option<Checked> {
        if self.workers.is_empty() {
            return Some(check(chunk, &self.options));
        }
        let oldest = if self.sent - self.received == self.workers.len() * DEPTH { self.receive() } else { None };
        let worker = &self.workers[self.sent % self.workers.len()];
        worker.jobs.send(chunk).expect("a worker ends only after its pool");
        self.sent += 1;
        oldest
    }

    /// The answer to the oldest run that is still under way.
    pub fn receive(&mut self) -> Option<Checked> {
        if self.received == self.sent {
            return None;
        }
        let worker = &self.workers[self.received % self.workers.len()];
        self.received += 1;
        Some(worker.answers.recv().expect("a worker answers every job"))
    }
}

impl Worker {
    fn start(options: Arc<Options>) -> Self {
        let (jobs, job) = sync_channel(DEPTH);
        let (answer, answers) = sync_channel(DEPTH);
        let thread = std::thread::spawn(move || {
            while let Ok(chunk) = job.recv() {
                if answer.send(check(chunk, &options)).is_err() {
                    break;
                }
            }
        });
        Self { jobs, answers, thread }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for worker in self.workers.drain(..) {
            drop((worker.jobs, worker.answers));
            // A worker that panicked has already been reported by `receive`.
            let _ = worker.thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyRing;
    use crate::verify::Start;

    fn options(threads: usize) -> Options {
        Options {
            ring: KeyRing::default(),
            start: Start::FirstLine,
            end: None,
            parse_after: 0,
            all_checkpoints: false,
            repeat_key: [0; 16],
            threads,
        }
    }

    /// A worker has one run to check and one that waits.
    #[test]
    fn answers_come_in_order_once_every_worker_is_busy() {
        for threads in 0..4 {
            let mut pool = Pool::new(&options(threads));
            let mut answers = Vec::new();
            for n in 1..=20 {
                let answer = pool.submit(Chunk::Block { n, row: Vec::new() });
                assert_eq!(answer.is_some(), n > 2 * threads as u64, "{n} on {threads}");
                answers.extend(answer);
            }
            answers.extend(std::iter::from_fn(|| pool.receive()));
            let blocks: Vec<_> = answers.into_iter().filter_map(|answer| answer.block).collect();
            assert_eq!(blocks, (1..=20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_thread_outlives_its_pool() {
        let mut pool = Pool::new(&options(2));
        let shared = Arc::clone(&pool.options);
        for _ in 0..3 {
            pool.submit(Chunk::Lines(vec![b'\n'; 1 << 16]));
        }
        drop(pool);
        assert_eq!(Arc::strong_count(&shared), 1);
    }
}
