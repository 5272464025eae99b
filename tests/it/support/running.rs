//! The real binary, running in a folder of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use super::golden::project;
use super::http::{Answer, call};
use super::scratch::{Scratch, wait_for};

/// The key of the sample configuration.
pub const KEY: &str = "qk_sample_only_for_this_sandbox";
/// The binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

/// Copies the sample configuration below `folder` and lets `edit` change `quittance.toml`.
pub fn configure(folder: &Path, edit: impl Fn(String) -> String) -> PathBuf {
    copy(&project().join("config"), &folder.join("config"));
    let path = folder.join("config/quittance.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("listen = \"127.0.0.1:8080\"", "listen = \"127.0.0.1:0\"")
        .replace("public_url =", "# public_url =")
        .replace("callback_key =", "# callback_key =")
        .replace("stable_ms = 400", "stable_ms = 60");
    std::fs::write(&path, edit(text)).unwrap();
    path
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(|_| ()).unwrap() }
    }
}

/// A running service.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where one comes in: the path of the one-time link, or of the page where people sign in.
    pub login: String,
    /// What it has said.
    pub log: Arc<Mutex<String>>,
}

impl Running {
    /// Starts the service of a configuration and waits until it is ready.
    pub fn start(config: &Path) -> Self {
        Self::start_with(config, &[])
    }

    /// As [`Running::start`], with more of an environment.
    pub fn start_with(config: &Path, environment: &[(&str, &str)]) -> Self {
        Self::begin(config, environment).unwrap_or_else(|log| panic!("the service did not start:\n{log}"))
    }

    /// Starts the service; gives what it said if it ended instead.
    pub fn try_start(config: &Path) -> Result<Self, String> {
        Self::begin(config, &[])
    }

    fn begin(config: &Path, environment: &[(&str, &str)]) -> Result<Self, String> {
        let mut child = Command::new(BINARY)
            .args(["serve", "-c", config.to_str().unwrap()])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (lines, sink) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
        let mut reader = Some(std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        }));
        let ready = wait_for("the service to start", || {
            if child.try_wait().unwrap().is_some() {
                // All that it had to say, and not only what was read so far.
                reader.take().map(std::thread::JoinHandle::join).transpose().unwrap();
                return Some(Err(log.lock().unwrap().clone()));
            }
            let said = log.lock().unwrap().clone();
            let address: SocketAddr = said.split("listening on ").nth(1)?.split_whitespace().next()?.parse().ok()?;
            let back_office = said.split("Back office").nth(1)?.split_whitespace().next()?.to_owned();
            let login = format!("/bo{}", back_office.split_once("/bo")?.1);
            let answer = call(address, "GET", "/readyz", &[], b"")?;
            (answer.status == 200).then_some(Ok((address, login)))
        });
        let (address, login) = ready.inspect_err(|_| drop(child.wait()))?;
        Ok(Self { child, address, login, log })
    }

    /// Ends the process at once, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to stop and waits for its end.
    pub fn stop(&mut self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log.lock().unwrap());
    }

    /// The process, for looking at it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Answer {
        let key = format!("Bearer {KEY}");
        call(self.address, "GET", path, &[("Authorization", &key)], b"").expect("an answer")
    }

    /// Writes with an idempotency key of its own.
    pub fn post(&self, path: &str, body: &Json) -> Answer {
        let key = format!("test-{}-{}", std::process::id(), NEXT_KEY.fetch_add(1, Ordering::Relaxed));
        self.try_post(path, &key, body).expect("an answer")
    }

    /// Writes with a given idempotency key; `None` when the process dies in the middle.
    pub fn try_post(&self, path: &str, key: &str, body: &Json) -> Option<Answer> {
        let bearer = format!("Bearer {KEY}");
        let headers =
            [("Authorization", bearer.as_str()), ("Idempotency-Key", key), ("Content-Type", "application/json")];
        call(self.address, "POST", path, &headers, body.to_string().as_bytes())
    }

    /// Moves the test clock.
    pub fn advance(&self, by: &str) -> Answer {
        let answer = self.post("/v1/clock/advance", &json!({ "by": by }));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }

    /// Every item of a list, over all pages.
    pub fn list(&self, path: &str) -> Vec<Json> {
        let mut items = Vec::new();
        let mut after = String::new();
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{joint}limit=500{after}")).json();
            items.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
    }

    /// Every event of the stream, by pages of `limit`, and the cursor after them.
    pub fn stream(&self, limit: usize, query: &str) -> (Vec<Json>, String) {
        let (mut events, mut after) = (Vec::new(), "0".to_owned());
        loop {
            let page = self.get(&format!("/v1/stream?limit={limit}&after={after}{query}")).json();
            events.extend(page["data"].as_array().unwrap_or_else(|| panic!("{page}")).iter().cloned());
            page["cursor"].as_str().unwrap().clone_into(&mut after);
            if page["has_more"] == false {
                return (events, after);
            }
        }
    }

    /// The item of a list with an external reference, once the list has it.
    pub fn find(&self, path: &str, external_ref: &str) -> Json {
        wait_for(external_ref, || self.list(path).into_iter().find(|item| item["external_ref"] == external_ref))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Drops a file into a watched directory as an ERP does, and gives its report.
pub fn drop_file(folder: &Path, name: &str, bytes: &[u8]) -> Json {
    let aside = folder.join(format!("{name}.part"));
    std::fs::write(&aside, bytes).unwrap();
    std::fs::rename(aside, folder.join(name)).unwrap();
    report(folder, name)
}

/// The messages that left or were caught, below a data directory.
pub fn messages(folder: &Path) -> Vec<Json> {
    let tenants = std::fs::read_dir(folder.join("data/sent")).into_iter().flatten().flatten();
    let days = tenants.flat_map(|tenant| std::fs::read_dir(tenant.path()).into_iter().flatten().flatten());
    let texts: Vec<String> = days.filter_map(|day| std::fs::read_to_string(day.path()).ok()).collect();
    texts.iter().flat_map(|text| text.lines()).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The report of a file, once it is archived.
pub fn report(folder: &Path, name: &str) -> Json {
    wait_for(&format!("the report of {name}"), || {
        ["done", "rejected"].iter().find_map(|end| {
            let archived = folder.join(end).join(name);
            let report = folder.join(end).join(format!("{name}.report.json"));
            let text = std::fs::read(report).ok().filter(|_| std::fs::symlink_metadata(archived).is_ok())?;
            serde_json::from_slice(&text).ok()
        })
    })
}

/// A service of the sample, in a folder of its own.
pub fn sample(name: &str, edit: impl Fn(String) -> String) -> (Scratch, Running) {
    let scratch = Scratch::new(name);
    let config = configure(scratch.path(), edit);
    let running = Running::start(&config);
    (scratch, running)
}

/// An account number in groups of four.
pub fn printed_in_groups(iban: &str) -> String {
    let letters: Vec<char> = iban.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
