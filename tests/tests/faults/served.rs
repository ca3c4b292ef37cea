//! A `sealbook serve` under `strace` or with a limit, and the client that writes to it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use sealbook_tests::event;
use serde_json::Value;

use crate::strace::tracee;

/// A service and what it says on standard error.
pub struct Served {
    child: Child,
    errors: PathBuf,
    /// Empty where it did not come up.
    pub url: String,
}

impl Served {
    /// Runs `command`, a `sealbook serve`, perhaps under `strace`.
    pub fn start(mut command: Command, errors: &Path) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(errors).unwrap());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, errors: errors.to_owned(), url: url.trim().to_owned() }
    }

    /// Asks it to stop, unless it has ended; gives how it ended and what it said.
    pub fn stop(mut self) -> (ExitStatus, String) {
        if self.child.try_wait().unwrap().is_none() {
            let process = tracee(&self.child).unwrap_or_else(|| self.child.id().to_string());
            let _ = Command::new("kill").args(["-TERM", &process]).stderr(Stdio::null()).status();
        }
        self.ended()
    }

    /// Waits until it ends by itself.
    pub fn ended(&mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, std::fs::read_to_string(&self.errors).unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end: {}", std::fs::read_to_string(&self.errors).unwrap());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let (Ok(None), Some(process)) = (self.child.try_wait(), tracee(&self.child)) {
            let _ = Command::new("kill").args(["-KILL", &process]).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Speaks HTTP with a service.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// A client of the service at `url`.
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder();
        let config = config.timeout_global(Some(Duration::from_secs(20))).http_status_as_error(false);
        Self { agent: config.build().into(), url: url.to_owned() }
    }

    /// Sends the event with this id and a text of `bytes`; `None` where the service went away.
    pub fn post(&self, id: &str, bytes: usize) -> Option<(u16, Value)> {
        let mut event = event(id);
        event["reason"] = Value::String("r".repeat(bytes));
        let request = self.agent.post(format!("{}/v1/events", self.url)).header("content-type", "application/json");
        let mut response = request.send(event.to_string().as_bytes()).ok()?;
        let status = response.status().as_u16();
        let text = response.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// Status of `/readyz`; `None` where the service went away.
    pub fn ready(&self) -> Option<u16> {
        Some(self.agent.get(format!("{}/readyz", self.url)).call().ok()?.status().as_u16())
    }

    /// Whether `/readyz` says 503 before a second has passed, or the service went away.
    pub fn says_it_cannot_write(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            if self.ready() != Some(200) {
                return true;
            }
        }
        false
    }
}
