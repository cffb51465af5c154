//! A federation for tests: real processes, real sockets, real TLS, driven by the command line alone.
//!
//! Every scenario ends with [`Member::judge`], which stops the node and lets `talanoa fsck` read every
//! file. Waiting is for an event with a deadline far away, never for an amount of time.

pub mod http2;
pub mod load;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use serde_json::Value;

/// Far beyond what anything takes; reached only when something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test, with faults compiled in. Set by the test binary, which alone knows its path.
pub fn program() -> PathBuf {
    // Cargo builds the binary beside the test: target/<profile>/deps/<test> and target/<profile>/<program>.
    let mut path = std::env::current_exe().expect("a test knows where it is");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("talanoa-under-test")
}

/// Ports that nobody holds now, each different.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port on loopback"));
    held.map(|l| l.local_addr().expect("a bound port").port())
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Done {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "exit {}: {}{}", self.code, self.out, self.err);
        self.out
    }

    #[track_caller]
    pub fn refused(self, code: i32, word: &str) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains(word), "{word:?} is not in {:?}", self.err);
        self
    }

    /// First word of the output: an id or a reference.
    pub fn id(self) -> String {
        self.ok().split_whitespace().next().unwrap_or_default().to_owned()
    }
}

/// Runs the program with a directory.
pub fn talanoa(dir: &Path, words: &[&str]) -> Done {
    talanoa_with(dir, words, None)
}

/// The same, and something happens at a durable operation.
pub fn talanoa_with(dir: &Path, words: &[&str], fault: Option<&str>) -> Done {
    let mut command = Command::new(program());
    command.arg("--dir").arg(dir).args(words).env_remove("TALANOA_FAULT");
    if let Some(fault) = fault {
        command.env("TALANOA_FAULT", fault);
    }
    Done::of(command.output().expect("the program runs"))
}

/// One member of a test federation.
pub struct Member {
    pub code: String,
    pub dir: PathBuf,
    pub port: u16,
    process: Option<Process>,
    /// What the process before said, to its last line.
    last_log: String,
    /// Segments of the ledger end after so many bytes; `None`: as usual.
    pub segment_bytes: Option<u64>,
    /// How wrong this machine's clock is.
    pub clock_offset_seconds: i64,
    /// Refuses at once: for the test that shows that its comparison can fail.
    pub unguarded: bool,
}

struct Process {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Process {
    /// Waits for the end of process and log.
    fn end(mut self) -> String {
        let _ = self.child.wait();
        let _ = self.reader.join();
        self.log.lock().map(|log| log.clone()).unwrap_or_default()
    }
}

impl Member {
    pub fn init(root: &Path, code: &str, port: u16) -> Self {
        let dir = root.join(code.to_lowercase());
        let listen = format!("127.0.0.1:{port}");
        let mut words = vec!["init", "--member", code, "--name", code, "--listen", &listen];
        if code.len() > 2 {
            words.push("--observer");
        }
        talanoa(&dir, &words).ok();
        Self::at(code, dir, port)
    }

    /// A member whose directory is there already.
    pub fn at(code: &str, dir: PathBuf, port: u16) -> Self {
        let (process, last_log, segment_bytes) = (None, String::new(), None);
        let (clock_offset_seconds, unguarded) = (0, false);
        Self {
            code: code.to_owned(),
            dir,
            port,
            process,
            last_log,
            segment_bytes,
            clock_offset_seconds,
            unguarded,
        }
    }

    pub fn talanoa(&self, words: &[&str]) -> Done {
        talanoa(&self.dir, words)
    }

    /// Starts the node; returns whether it came to serve (a fault may kill it before).
    pub fn try_serve(&mut self, fault: Option<&str>) -> bool {
        let mut command = Command::new(program());
        command.arg("--dir").arg(&self.dir).arg("serve").stdout(Stdio::null()).stderr(Stdio::piped());
        command.env_remove("TALANOA_FAULT").env("RUST_LOG", "info");
        if let Some(fault) = fault {
            command.env("TALANOA_FAULT", fault);
        }
        command.env("TALANOA_CLOCK_OFFSET_SECONDS", self.clock_offset_seconds.to_string());
        if self.unguarded {
            command.env("TALANOA_UNGUARDED", "1");
        }
        if let Some(bytes) = self.segment_bytes {
            command.env("TALANOA_SEGMENT_BYTES", bytes.to_string());
        }
        let mut child = command.spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, lines) = (child.stderr.take(), Arc::clone(&log));
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stderr.expect("piped")).lines().map_while(Result::ok) {
                let mut log = lines.lock().expect("log");
                log.push_str(&line);
                log.push('\n');
            }
        });
        self.process = Some(Process { child, log, reader });
        wait_for("the node serves or ends", || {
            if !self.is_running() {
                return Some(false);
            }
            matches!(self.talanoa(&["status"]).code, 0 | 3).then_some(true)
        })
    }

    #[track_caller]
    pub fn serve(&mut self) {
        assert!(self.try_serve(None), "{} does not start: {}", self.code, self.log());
    }

    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|p| p.child.try_wait().is_ok_and(|s| s.is_none()))
    }

    /// Ended, or met its fault and lives on.
    pub fn is_disturbed(&mut self) -> bool {
        !self.is_running() || self.is_disturbed_by_fault()
    }

    pub fn is_disturbed_by_fault(&self) -> bool {
        self.log().contains("TALANOA_FAULT came")
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, |p| p.child.id())
    }

    pub fn log(&self) -> String {
        let running = self.process.as_ref().map(|p| p.log.lock().expect("log").clone());
        running.unwrap_or_else(|| self.last_log.clone())
    }

    /// SIGTERM, and the end of the process.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            let pid = rustix::process::Pid::from_child(&process.child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            self.last_log = process.end();
        }
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.child.kill();
            self.last_log = process.end();
        }
    }

    pub fn list(&self, what: &str) -> Vec<Value> {
        let json = self.talanoa(&[what, "--json"]).ok();
        serde_json::from_str(&json).expect("a listing is a JSON array")
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.talanoa(&["status", "--json"]).out).unwrap_or(Value::Null)
    }

    /// Refs in a listing.
    pub fn refs(&self, what: &str) -> Vec<String> {
        let mut refs: Vec<String> =
            self.list(what).iter().filter_map(|r| r["ref"].as_str().map(str::to_owned)).collect();
        refs.sort();
        refs
    }

    pub fn held(&self) -> Vec<String> {
        let rows = self.list("catalogue");
        let held = rows.iter().filter(|r| r["state"] == "held").filter_map(|r| r["ref"].as_str());
        let mut held: Vec<String> = held.map(str::to_owned).collect();
        held.sort();
        held
    }

    #[track_caller]
    pub fn wait_until_held(&self, refs: &[&str]) {
        wait_for(&format!("{} holds {refs:?}", self.code), || (self.held() == refs).then_some(()));
    }

    pub fn publish(&self, file: &Path, dataset: &str) -> Done {
        let file = file.to_str().expect("a path in UTF-8");
        self.talanoa(&["publish", file, "--dataset", dataset, "--title", "A title"])
    }

    pub fn grant(&self, to: &str, dataset: &str) -> String {
        self.talanoa(&["grant", "--to", to, "--dataset", dataset, "--until", &next_year()]).id()
    }

    /// A command whose first word of output is an id, for example of a grant.
    #[track_caller]
    pub fn decide(&self, line: &str) -> String {
        self.talanoa(&line.split(' ').collect::<Vec<_>>()).id()
    }

    /// Stops the node and lets the judge read every file it leaves.
    #[track_caller]
    pub fn judge(&mut self) {
        self.stop();
        let judged = self.talanoa(&["fsck"]);
        assert_eq!(judged.code, 0, "{}: {}{}", self.code, judged.out, judged.err);
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Members under one charter, none running yet.
pub fn federation<const N: usize>(root: &Path, codes: [&str; N]) -> [Member; N] {
    let mut ports = free_ports::<N>().into_iter();
    let members = codes.map(|code| Member::init(root, code, ports.next().expect("a port for each")));
    charter(root, &members.iter().collect::<Vec<_>>());
    members
}

/// Draws up, signs and adopts one charter, as people would.
pub fn charter(root: &Path, members: &[&Member]) -> String {
    let file = root.join("charter.txt");
    let file = file.to_str().expect("a path in UTF-8");
    let mut words = vec!["charter".to_owned(), "draft".to_owned(), "--out".to_owned(), file.to_owned()];
    for member in members {
        let card = root.join(format!("{}.card", member.code));
        fs::write(&card, member.talanoa(&["card"]).ok()).expect("a card is written");
        words.push(card.to_str().expect("a path in UTF-8").to_owned());
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let federation = members[0].talanoa(&words).id();
    for member in members {
        member.talanoa(&["charter", "sign", file]).ok();
    }
    for member in members {
        member.talanoa(&["charter", "adopt", file]).ok();
    }
    federation
}

/// A date on which no grant of a test ends.
pub fn next_year() -> String {
    let days =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    format!("{}-06-30", 1970 + days / 365 + 1)
}

/// So many days from now, as commands take it.
pub fn day_after(days: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    talanoa_node::clock::rfc3339(now + days * 86_400).chars().take(10).collect()
}

/// Asks again and again until something is there.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = SystemTime::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        let waited = started.elapsed().unwrap_or_default();
        assert!(waited < PATIENCE, "waited {waited:?} for: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A small table whose figures are random, so that its bytes are found nowhere by chance.
pub fn table(path: &Path, rows: usize) -> Vec<u8> {
    let mut random = [0; 16];
    fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut random)).expect("randomness");
    let seed = hex::encode(random);
    let mut text = String::from("STRUCTURE,STRUCTURE_ID,ACTION,REF_AREA,TIME_PERIOD,OBS_VALUE,NOTE\n");
    for n in 0..rows {
        text += &format!("dataflow,T:T(1.0.0),I,FJI,{},{n},{seed}-{n}\n", 1000 + n % 9000);
    }
    fs::write(path, &text).expect("a table is written");
    seed.into_bytes()
}

/// Files below `dir` that contain these bytes.
pub fn scan(dir: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|w| w == needle)) {
                found.push(path);
            }
        }
    }
    found
}

/// A copy of a directory that a node is writing to: what vanishes meanwhile is not copied.
pub fn copy_live(from: &Path, to: &Path, leave_out: &[&str]) {
    fs::create_dir_all(to).expect("a directory is made");
    for entry in fs::read_dir(from).into_iter().flatten().filter_map(Result::ok) {
        let (source, goal) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name().to_string_lossy().into_owned();
        if leave_out.contains(&name.as_str()) || matches!(&*name, "reserve.bin" | "lock" | "node.sock") {
            continue;
        }
        if source.is_dir() {
            copy_live(&source, &goal, leave_out);
        } else {
            let _ = fs::copy(&source, &goal);
        }
    }
}

/// A copy of a stopped node's directory; what is made anew at each start is left out.
pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory is made");
    for entry in fs::read_dir(from).expect("a directory is read").filter_map(Result::ok) {
        let (source, goal) = (entry.path(), to.join(entry.file_name()));
        match entry.file_name().to_str() {
            Some("reserve.bin" | "lock" | "node.sock") => {}
            _ if source.is_dir() => copy_dir(&source, &goal),
            _ => {
                fs::copy(&source, &goal).expect("a file is copied");
            }
        }
    }
}
