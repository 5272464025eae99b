//! Real peers on loopback: a hook receiver, an SMTP server, an SMS gateway.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::golden::project;
use super::scratch::wait_for;

/// A call that a hook receiver took.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method and the address.
    pub line: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Received {
    /// A header.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// What a receiver answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The status; 0 is no answer.
    pub status: u16,
    /// A header of its own, as `name: value`.
    pub header: Option<String>,
    /// The body.
    pub body: String,
}

impl Reply {
    /// Only a status.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

type Answering = Box<dyn FnMut(&Received) -> Reply + Send>;

/// A hook receiver whose answer the test chooses.
pub struct HookReceiver {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    answering: Arc<Mutex<Answering>>,
}

impl HookReceiver {
    /// Starts one that answers 204.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Vec::new()));
        let answering: Arc<Mutex<Answering>> = Arc::new(Mutex::new(Box::new(|_| Reply::status(204))));
        let (sink, answers) = (Arc::clone(&received), Arc::clone(&answering));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sink, answers) = (Arc::clone(&sink), Arc::clone(&answers));
                std::thread::spawn(move || {
                    while let Some(call) = read_call(&stream) {
                        let reply = (answers.lock().unwrap())(&call);
                        sink.lock().unwrap().push(call);
                        if reply.status == 0 {
                            continue; // The other side waits.
                        }
                        let Reply { status, header, body } = reply;
                        let header = header.map(|header| format!("{header}\r\n")).unwrap_or_default();
                        let length = body.len();
                        let text = format!("HTTP/1.1 {status} x\r\n{header}Content-Length: {length}\r\n\r\n{body}");
                        if (&stream).write_all(text.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, received, answering }
    }

    /// Chooses the answer from now on; 0 is none.
    pub fn answer(&self, status: u16) {
        self.answer_with(move |_| Reply::status(status));
    }

    /// Has each call answered by what it says.
    pub fn answer_with(&self, answer: impl FnMut(&Received) -> Reply + Send + 'static) {
        *self.answering.lock().unwrap() = Box::new(answer);
    }

    /// What has come so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Its address in the sample configuration's place.
    pub fn url(&self) -> String {
        format!("http://{}/hooks/erp", self.address)
    }
}

fn read_call(stream: &TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, v)| v.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Some(Received { line, headers, body })
}

/// A port that nobody has now, below those the system gives to outgoing calls: a test beside this one
/// cannot be given it before the peer binds it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let step = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + u16::try_from(step % 20_000).unwrap();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// A process that ends with the test.
pub struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process whose words are kept beside its configuration, to be shown when it does not come up.
fn spawn(command: &mut Command, package: &str, log: &Path) -> Peer {
    let log = std::fs::File::create(log).unwrap();
    let child = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
    Peer(child.unwrap_or_else(|error| panic!("{package} is missing ({error}): scripts/test installs it")))
}

/// Waits for a port, and shows what the process said when it ends or takes over a minute.
fn wait_listening(what: &str, port: u16, peer: &mut Peer, log: &Path) {
    let started = std::time::Instant::now();
    while listening(port).is_none() {
        let ended = peer.0.try_wait().unwrap();
        if ended.is_some() || started.elapsed().as_secs() >= 60 {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            panic!("{what} does not listen on port {port} ({ended:?}); it said:\n{said}");
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

fn listening(port: u16) -> Option<()> {
    TcpStream::connect(("127.0.0.1", port)).ok().map(|_| ())
}

/// A hook receiver that judges each delivery with libraries of others, and says a line of it.
pub struct Judge {
    _peer: Peer,
    log: std::path::PathBuf,
}

impl Judge {
    /// Starts one, whose words are kept in `folder`.
    pub fn start(command: &mut Command, name: &str, port: u16, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let mut peer = spawn(command, name, &log);
        wait_listening(&format!("the receiver in {name}"), port, &mut peer, &log);
        Self { _peer: peer, log }
    }

    /// What it has said so far.
    pub fn verdicts(&self) -> Vec<String> {
        std::fs::read_to_string(&self.log).unwrap().lines().map(str::to_owned).collect()
    }
}

/// An SMTP server that keeps mail in a maildir: aiosmtpd.
pub fn smtp_server(maildir: &Path) -> (Peer, u16) {
    let port = free_port();
    (smtp_server_at(maildir, port, &[]), port)
}

/// The same on a port, with more of its options.
pub fn smtp_server_at(maildir: &Path, port: u16, options: &[&str]) -> Peer {
    let mut command = Command::new("/usr/bin/python3");
    command.env("PYTHONPATH", project().join("tests/receivers")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c", "maildir.AsItCame"]);
    command.args(options);
    let log = maildir.with_extension("log");
    let mut peer = spawn(command.arg(maildir), "python3-aiosmtpd", &log);
    wait_listening("the SMTP server (package python3-aiosmtpd)", port, &mut peer, &log);
    peer
}

/// OpenSMTPD, which passes what it takes on to a server on another port. It runs as root only: nothing otherwise.
pub fn open_smtpd(folder: &Path, next: u16) -> Option<(Peer, u16)> {
    let as_root = Command::new("id").arg("-u").output().is_ok_and(|who| who.stdout.trim_ascii() == b"0");
    if !as_root || !Path::new("/usr/sbin/smtpd").exists() {
        println!("left out: OpenSMTPD (package opensmtpd) is not there, or would not run as root");
        return None;
    }
    let port = free_port();
    let config = folder.join("smtpd.conf");
    let text = format!(
        "listen on 127.0.0.1 port {port} hostname relay.example\n\
         action \"on\" relay host smtp://127.0.0.1:{next}\nmatch from any for any action \"on\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let log = folder.join("smtpd.log");
    let mut peer = spawn(Command::new("/usr/sbin/smtpd").arg("-d").arg("-f").arg(&config), "opensmtpd", &log);
    wait_listening("OpenSMTPD (package opensmtpd)", port, &mut peer, &log);
    Some((peer, port))
}

/// An SMTP server that takes mail after STARTTLS, of who says a password: aiosmtpd with its own authenticator.
pub fn guarded_smtp_server(maildir: &Path, port: u16, (certificate, key): (&str, &str), who: [&str; 2]) -> Peer {
    let mut command = Command::new("/usr/bin/python3");
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(project().join("tests/receivers/relay.py"));
    command.arg(port.to_string()).arg(maildir).args([certificate, key]).args(who);
    let log = maildir.with_extension("log");
    let mut peer = spawn(&mut command, "python3-aiosmtpd", &log);
    wait_listening("the SMTP server (package python3-aiosmtpd)", port, &mut peer, &log);
    peer
}

/// The mails in a maildir.
pub fn mails(maildir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(maildir.join("new")).into_iter().flatten().flatten();
    entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect()
}

/// A Kannel gateway with its own SMS centre: bearerbox, smsbox, fakesmsc.
pub struct Kannel {
    peers: Vec<Peer>,
    /// The port of `sendsms`.
    pub port: u16,
    admin: u16,
    centre: u16,
    output: std::path::PathBuf,
}

impl Kannel {
    /// Starts one in `folder`.
    pub fn start(folder: &Path) -> Self {
        Self::handing_on(folder, "text = \"none\"")
    }

    /// As [`Kannel::start`], with what is done with SMS that come in.
    pub fn handing_on(folder: &Path, incoming: &str) -> Self {
        let (admin, boxes, centre, port) = (free_port(), free_port(), free_port(), free_port());
        let config = folder.join("kannel.conf");
        let text = format!(
            "group = core\nadmin-port = {admin}\nadmin-interface = 127.0.0.1\nadmin-password = bar\n\
             status-password = foo\nadmin-allow-ip = \"127.0.0.1\"\nbox-allow-ip = \"127.0.0.1\"\n\
             smsbox-port = {boxes}\nsmsbox-interface = 127.0.0.1\nstore-type = file\n\
             store-location = \"{0}/kannel.store\"\ndlr-storage = internal\n\n\
             group = smsc\nsmsc = fake\nsmsc-id = FAKE\nport = {centre}\nconnect-allow-ip = \"127.0.0.1\"\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {port}\nsendsms-interface = 127.0.0.1\n\
             global-sender = 13013\n\n\
             group = sendsms-user\nusername = tester\npassword = foobar\nconcatenation = true\nmax-messages = 10\n\n\
             group = sms-service\nkeyword = default\nmax-messages = 0\n{incoming}\n",
            folder.display()
        );
        std::fs::write(&config, text).unwrap();
        let start = |name: &str, port: u16| {
            let log = folder.join(format!("{name}.log"));
            // They ask for the machine's own name at start: a name server that is silent is not waited for.
            let mut command = Command::new(format!("/usr/sbin/{name}"));
            command.arg(&config).env("RES_OPTIONS", "timeout:1 attempts:1");
            let mut peer = spawn(&mut command, "kannel", &log);
            wait_listening(&format!("{name} (package kannel)"), port, &mut peer, &log);
            peer
        };
        let mut peers = vec![start("bearerbox", boxes), start("smsbox", port)];
        let output = folder.join("fakesmsc.out");
        let file = std::fs::File::create(&output).unwrap();
        // It ends when its input does, so the pipe is kept open.
        let child = Command::new("/usr/lib/kannel/test/fakesmsc")
            .args(["-H", "127.0.0.1", "-r", &centre.to_string(), "-m", "0"])
            .stdin(Stdio::piped())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn();
        peers.push(Peer(child.unwrap_or_else(|error| panic!("kannel-extras is missing ({error})"))));
        let kannel = Self { peers, port, admin, centre, output };
        kannel.wait_online();
        kannel
    }

    fn wait_online(&self) {
        wait_for("the SMS centre to be online", || {
            let address = SocketAddr::from(([127, 0, 0, 1], self.admin));
            let status = super::http::call(address, "GET", "/status.txt?password=foo", &[], b"")?;
            status.text().contains("online").then_some(())
        });
    }

    /// Has the SMS centre hand on what somebody writes back.
    pub fn write_back(&mut self, from: &str, text: &str) {
        drop(self.peers.pop());
        let child = Command::new("/usr/lib/kannel/test/fakesmsc")
            .args(["-H", "127.0.0.1", "-r", &self.centre.to_string(), "-i", "1", "-m", "1"])
            .arg(format!("{from} 36180 text {text}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.peers.push(Peer(child.unwrap()));
    }

    /// The messages that the SMS centre took.
    pub fn messages(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        text.lines().filter(|line| line.contains("Got message")).map(str::to_owned).collect()
    }
}

/// An SMSC of others that speaks SMPP, and says a line of everything.
pub struct Smsc {
    /// Where it listens.
    pub port: u16,
    process: Peer,
    said: Arc<Mutex<Vec<String>>>,
}

impl Smsc {
    /// Starts one on a port whose first message has this number.
    pub fn start(port: u16, first: u32) -> Self {
        Self::start_with(port, first, &[])
    }

    /// As [`Smsc::start`], by TLS with a key and a certificate.
    pub fn start_with(port: u16, first: u32, tls: &[PathBuf]) -> Self {
        let mut child = Command::new("node")
            .args(["tests/receivers/smsc.mjs", &port.to_string(), &first.to_string()])
            .args(tls)
            .current_dir(project())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node runs: the packages of tests/receivers are installed by scripts/test");
        let (said, sink) = (Arc::<Mutex<Vec<String>>>::default(), child.stdout.take().unwrap());
        let lines = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in BufReader::new(sink).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        wait_for("the SMSC", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { port, process: Peer(child), said }
    }

    /// What it has said so far that begins so.
    pub fn said(&self, begins: &str) -> Vec<String> {
        self.said.lock().unwrap().iter().filter(|line| line.starts_with(begins)).cloned().collect()
    }

    /// Hands on what somebody writes, or drops every link.
    pub fn write(&mut self, line: &str) {
        writeln!(self.process.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}
