//! What a function of the system is: something with a name, woken by a request, a message or a tick.

use crate::access::{Access, Caller};
use crate::grant::Grant;
use crate::hub::Hub;
use crate::problem::Fault;
use crate::reply::{Answer, Reply};
use crate::request::{Example, Given, Parameter};
use domain::json::Value;
use futures_util::future::BoxFuture;
use ports::Message;
use schemars::{Schema, SchemaGenerator};
use std::fmt;

/// An HTTP method that functions take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// GET; HEAD is answered alike, without a body.
    Get,
    /// POST
    Post,
}

impl Method {
    /// As in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Method and path. A segment in braces is a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: &'static str,
}

impl Route {
    /// GET of this path.
    pub const fn get(path: &'static str) -> Self {
        Self { method: Method::Get, path }
    }

    /// POST to this path.
    pub const fn post(path: &'static str) -> Self {
        Self { method: Method::Post, path }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// What is asked, after authentication and reading.
#[derive(Debug)]
pub struct Call {
    /// Who asks; `None` only where anybody may.
    pub caller: Option<Caller>,
    /// Parameters of path and query, all of them known ones.
    pub given: Given,
    /// The body, where the function takes one.
    pub body: Value,
}

/// A body that a function takes.
#[derive(Debug, Clone, Copy)]
pub struct TakesBody {
    /// What it is.
    pub description: &'static str,
    /// Whether it may be left out; it is an empty object then.
    pub optional: bool,
    /// Its schema.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// A function that answers requests.
pub trait HttpFunction: 'static {
    /// Verb first, kebab-case; the same everywhere.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const SUMMARY: &'static str;
    /// Where it listens.
    const ROUTE: Route;
    /// Who may call it; enforced by the mount.
    const ACCESS: Access;
    /// What it may touch; its ports are narrowed to this everywhere.
    const USES: &'static [Grant];
    /// Parameters of path and query.
    const PARAMETERS: &'static [Parameter] = &[];
    /// Its body, if it takes one.
    const BODY: Option<TakesBody> = None;
    /// Its good answers.
    const ANSWERS: &'static [Answer];
    /// How long a platform lets it run; a gateway waits 30 s.
    const TIMEOUT_SECONDS: u32 = 29;

    /// A request that works on a log of which event 1 is archived and event 2 places a hold.
    fn example() -> Example;

    /// Answers.
    fn handle(hub: &Hub, call: Call) -> impl Future<Output = Result<Reply, Fault>> + Send;
}

/// Queues that wake functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueName {
    /// Accepted events.
    Events,
    /// Requests for a checkpoint.
    Checkpoints,
}

impl QueueName {
    /// The queue's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Checkpoints => "checkpoints",
        }
    }
}

/// Why a message or a tick was not served: one text with all its causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed(pub String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(crate::problem::with_causes(&error))
    }
}

/// A function that is woken by messages. A message may come twice.
pub trait QueueFunction: 'static {
    /// Verb first, kebab-case.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const SUMMARY: &'static str;
    /// What it may touch.
    const USES: &'static [Grant];
    /// The queue that wakes it.
    const QUEUE: QueueName;
    /// How long a platform lets it run; the queue holds its messages six times as long.
    const TIMEOUT_SECONDS: u32 = 60;

    /// A message body.
    fn example_body() -> String;

    /// Serves a batch. On an error all of its messages come back.
    fn handle(hub: &Hub, messages: &[Message]) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// A function that is woken by the clock. A tick may be missed, or come twice.
pub trait ScheduledFunction: 'static {
    /// Verb first, kebab-case.
    const NAME: &'static str;
    /// What it does, in a sentence.
    const SUMMARY: &'static str;
    /// What it may touch.
    const USES: &'static [Grant];
    /// Seconds between ticks; platforms that know only minutes round up.
    const EVERY_SECONDS: u32;
    /// How long a platform lets it run.
    const TIMEOUT_SECONDS: u32 = 60;

    /// Serves a tick.
    fn tick(hub: &Hub) -> impl Future<Output = Result<(), Failed>> + Send;
}

/// What a request needs to be served.
#[derive(Clone, Copy)]
pub struct HttpPart {
    /// Where it listens.
    pub route: Route,
    /// Who may call it.
    pub access: Access,
    /// Parameters of path and query.
    pub parameters: &'static [Parameter],
    /// Its body.
    pub body: Option<TakesBody>,
    /// Its good answers.
    pub answers: &'static [Answer],
    /// A request that works.
    pub example: fn() -> Example,
    /// Answers.
    pub handle: for<'a> fn(&'a Hub, Call) -> BoxFuture<'a, Result<Reply, Fault>>,
}

/// A message or a tick under way.
pub type Served<'a> = BoxFuture<'a, Result<(), Failed>>;

/// What a message needs to be served.
#[derive(Clone, Copy)]
pub struct QueuePart {
    /// The queue that wakes it.
    pub queue: QueueName,
    /// A message body.
    pub example_body: fn() -> String,
    /// Serves a batch.
    pub handle: for<'a> fn(&'a Hub, &'a [Message]) -> Served<'a>,
}

/// What a tick needs to be served.
#[derive(Clone, Copy)]
pub struct SchedulePart {
    /// Seconds between ticks.
    pub every_seconds: u32,
    /// Serves a tick.
    pub tick: for<'a> fn(&'a Hub) -> Served<'a>,
}

/// A function, its type erased so that it can stand in a list.
#[derive(Clone, Copy)]
pub struct Function {
    /// Its name everywhere.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Path of its type, as the compiler writes it.
    pub type_name: fn() -> &'static str,
    /// What it may touch.
    pub uses: &'static [Grant],
    /// How long a platform lets it run.
    pub timeout_seconds: u32,
    /// If requests wake it.
    pub http: Option<HttpPart>,
    /// If messages wake it.
    pub queue: Option<QueuePart>,
    /// If the clock wakes it.
    pub schedule: Option<SchedulePart>,
}

/// A function that nothing wakes yet.
const fn asleep<F>(name: &'static str, summary: &'static str, uses: &'static [Grant], timeout: u32) -> Function {
    let type_name = std::any::type_name::<F>;
    Function { name, summary, type_name, uses, timeout_seconds: timeout, http: None, queue: None, schedule: None }
}

/// A function that requests wake.
pub const fn http<F: HttpFunction>() -> Function {
    let part = HttpPart {
        route: F::ROUTE,
        access: F::ACCESS,
        parameters: F::PARAMETERS,
        body: F::BODY,
        answers: F::ANSWERS,
        example: F::example,
        handle: |hub, call| Box::pin(F::handle(hub, call)),
    };
    Function { http: Some(part), ..asleep::<F>(F::NAME, F::SUMMARY, F::USES, F::TIMEOUT_SECONDS) }
}

const fn queue_part<F: QueueFunction>() -> QueuePart {
    fn handle<'a, F: QueueFunction>(hub: &'a Hub, messages: &'a [Message]) -> Served<'a> {
        Box::pin(F::handle(hub, messages))
    }
    QueuePart { queue: F::QUEUE, example_body: F::example_body, handle: handle::<F> }
}

const fn schedule_part<F: ScheduledFunction>() -> SchedulePart {
    SchedulePart { every_seconds: F::EVERY_SECONDS, tick: |hub| Box::pin(F::tick(hub)) }
}

/// A function that messages wake.
pub const fn queue<F: QueueFunction>() -> Function {
    Function { queue: Some(queue_part::<F>()), ..asleep::<F>(F::NAME, F::SUMMARY, F::USES, F::TIMEOUT_SECONDS) }
}

/// A function that the clock wakes.
pub const fn schedule<F: ScheduledFunction>() -> Function {
    Function { schedule: Some(schedule_part::<F>()), ..asleep::<F>(F::NAME, F::SUMMARY, F::USES, F::TIMEOUT_SECONDS) }
}

/// A function that messages and the clock wake. Its name, summary and grants are those of a
/// [`QueueFunction`]; a test holds the other's equal.
pub const fn queue_and_schedule<F: QueueFunction + ScheduledFunction>() -> Function {
    Function { schedule: Some(schedule_part::<F>()), ..queue::<F>() }
}
