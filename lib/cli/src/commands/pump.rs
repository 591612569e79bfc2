//! `dezky pump`: hands messages and ticks to functions that run one by one, as a platform would.
//! `cargo lambda watch` polls no queue and keeps no schedule.

use crate::failure::Failure;
use crate::target;
use handlers::{FUNCTIONS, Function, QueueName, samples};
use installation::{Makes, open};
use local_host::StopSignal;
use ports::{MAX_SEND, Message, Queue};
use serde_json::Value;
use services::Context;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long an invocation may take: a function is built at its first, and verifying takes its time.
const PATIENCE: Duration = Duration::from_secs(1800);
/// How long empty queues are left alone.
const IDLE: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where functions are invoked: the address of `cargo lambda watch`
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    invoke: String,
    /// Drain the queues and tick every schedule, twice: what the first round brings in, the second signs
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(target: &target::Which, arguments: &Arguments) -> Result<ExitCode, Failure> {
    if target.url.is_some() {
        return Err(Failure::usage("`pump` reads this machine's queues: it takes --data, not --url"));
    }
    let installation = open(&target.settings()?, Makes::Nothing).await?;
    let pump = Pump { cx: installation.hub.cx, invoke: Invoke::new(&arguments.invoke)? };
    if arguments.once {
        // What the first round brings in, the second derives and signs.
        for _ in 0..2 {
            pump.drain().await?;
            pump.tick_all().await?;
        }
        pump.drain().await?;
        return Ok(ExitCode::SUCCESS);
    }
    let signal = StopSignal::listen()?;
    eprintln!("handing messages and ticks to {}; stop with Ctrl-C", arguments.invoke);
    tokio::select! {
        stopped = pump.go_on() => stopped?,
        () = signal.wait() => {}
    }
    Ok(ExitCode::SUCCESS)
}

struct Pump {
    cx: Context,
    invoke: Invoke,
}

impl Pump {
    /// Ticks what is due, and drains the queues, for ever. A function that fails is tried again: its
    /// messages come back, and its next tick comes.
    async fn go_on(&self) -> Result<(), Failure> {
        let scheduled: Vec<&Function> = FUNCTIONS.iter().filter(|f| f.schedule.is_some()).collect();
        let mut due: Vec<Instant> = vec![Instant::now(); scheduled.len()];
        loop {
            // One round of each queue, so that a busy one does not keep the clock from ticking.
            let served = self.round_of_each().await;
            let idle = !matches!(served, Ok(true));
            self.say(served.map(drop));
            for (function, due) in scheduled.iter().zip(&mut due) {
                if *due <= Instant::now() {
                    let every = function.schedule.map_or(60, |part| part.every_seconds);
                    *due = Instant::now() + Duration::from_secs(every.into());
                    self.say(self.tick(function).await);
                }
            }
            if idle {
                tokio::time::sleep(IDLE).await;
            }
        }
    }

    fn say(&self, done: Result<(), Failure>) {
        if let Err(failure) = done {
            eprintln!("dezky: {failure}; it is tried again");
        }
    }

    async fn tick_all(&self) -> Result<(), Failure> {
        for function in FUNCTIONS.iter().filter(|f| f.schedule.is_some()) {
            self.tick(function).await?;
        }
        Ok(())
    }

    async fn tick(&self, function: &Function) -> Result<(), Failure> {
        self.invoke.function(function.name, &samples::tick(function.name)).await.map(drop)
    }

    /// Until all queues are empty.
    async fn drain(&self) -> Result<(), Failure> {
        while self.round_of_each().await? {}
        Ok(())
    }

    /// One batch of each queue; whether there was any.
    async fn round_of_each(&self) -> Result<bool, Failure> {
        let mut served = false;
        for (function, part) in FUNCTIONS.iter().filter_map(|f| Some((f, f.queue?))) {
            served |= self.round(function, part.queue).await?;
        }
        Ok(served)
    }

    /// Hands over one batch; whether there was one. What the function names as failed stays and comes back.
    async fn round(&self, function: &Function, name: QueueName) -> Result<bool, Failure> {
        let queue: &Arc<dyn Queue> = match name {
            QueueName::Events => &self.cx.events,
            QueueName::Checkpoints => &self.cx.checkpoint_requests,
        };
        let messages = queue.receive(MAX_SEND).await?;
        if messages.is_empty() {
            return Ok(false);
        }
        let named: Vec<(String, Message)> =
            messages.into_iter().enumerate().map(|(i, message)| (format!("message-{i}"), message)).collect();
        let answer = self.invoke.function(function.name, &samples::batch(name.as_str(), &named)).await?;
        let Some(failures) = answer.get("batchItemFailures").and_then(Value::as_array) else {
            return Err(Failure::new(format!("{} did not say which messages failed: {answer}", function.name)));
        };
        let failed = |id: &str| failures.iter().any(|failure| failure["itemIdentifier"] == id);
        let done: Vec<String> =
            named.iter().filter(|(id, _)| !failed(id)).map(|(_, message)| message.receipt.clone()).collect();
        queue.ack(&done).await?;
        if done.len() < named.len() {
            return Err(Failure::new(format!("{} failed on {} messages", function.name, named.len() - done.len())));
        }
        Ok(true)
    }
}

/// The Invoke API of Lambda, as far as it is needed here.
struct Invoke {
    client: reqwest::Client,
    url: String,
}

impl Invoke {
    fn new(url: &str) -> Result<Self, Failure> {
        let client = crate::remote::client()?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned() })
    }

    async fn function(&self, name: &str, event: &Value) -> Result<Value, Failure> {
        let url = format!("{}/2015-03-31/functions/{name}/invocations", self.url);
        let sent = self.client.post(&url).timeout(PATIENCE).body(event.to_string()).send().await;
        let response = sent.map_err(|error| {
            let causes = handlers::with_causes(&error);
            Failure::new(format!(
                "no function answers at {}: {causes}; is `cargo lambda watch` running there?",
                self.url
            ))
        })?;
        let failed = !response.status().is_success() || response.headers().contains_key("x-amz-function-error");
        let bytes = response.bytes().await?;
        let answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if failed {
            let text = String::from_utf8_lossy(&bytes).chars().take(500).collect::<String>();
            return Err(Failure::new(format!("{name} failed: {text}")));
        }
        Ok(answer)
    }
}
