//! `strace`: which calls a run makes in a folder, and the same run with one of them failing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Calls that change a file or a folder, or make a change durable. A question mark: not on every architecture.
const CALLS: &str = "pwrite64,write,writev,?pwritev,fdatasync,fsync,?sync_file_range,?rename,?renameat,renameat2,?unlink,\
unlinkat,?mkdir,mkdirat,ftruncate,fallocate,openat";

/// One call of a run: the n-th of its sort on its path, within its thread.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Name of the call.
    pub call: String,
    /// What it is about, below the folder.
    pub path: String,
    /// From 1.
    pub n: u32,
    /// The path bears the number of the process and will be another one: the n-th of its sort on any path.
    pub anywhere: bool,
}

/// What happens instead of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// It fails with EIO.
    Io,
    /// It fails with ENOSPC.
    Full,
    /// It writes nothing and says so: the shortest of short writes.
    Nothing,
    /// The process is killed.
    Kill,
}

impl Fault {
    fn injection(self) -> &'static str {
        match self {
            Self::Io => "error=EIO",
            Self::Full => "error=ENOSPC",
            Self::Nothing => "retval=0",
            Self::Kill => "signal=KILL",
        }
    }

    /// The faults that a call can meet.
    fn of(call: &str) -> &'static [Self] {
        match call {
            "pwrite64" | "write" | "writev" | "pwritev" => &[Self::Io, Self::Full, Self::Nothing, Self::Kill],
            "fdatasync" | "fsync" | "unlink" | "unlinkat" => &[Self::Io, Self::Kill],
            _ => &[Self::Io, Self::Full, Self::Kill],
        }
    }
}

/// Whether `strace` is there and may trace; says aloud where not.
pub fn works() -> bool {
    let probe = Command::new("strace")
        .args(["-f", "--seccomp-bpf", "-e", "trace=openat", "-e", "inject=openat:error=ENOENT:when=1000", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = probe.is_ok_and(|status| status.success());
    if !works {
        eprintln!("skipped: strace is not installed, or may not trace here");
    }
    works
}

/// A command under `strace`, which writes what it sees to `log`. The command must name `folder` by its absolute path.
pub fn traced(program: &Path, folder: &Path, point: Option<(&Point, Fault)>, log: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-s", "0", "-o"]).arg(log);
    // With the filter only the calls that are looked for stop the process; a signal is not sent then (strace 6.1).
    if point.is_none_or(|(_, fault)| fault != Fault::Kill) {
        command.arg("--seccomp-bpf");
    }
    match point {
        None => {
            command.args(["-e", &format!("trace={CALLS}")]);
        }
        Some((Point { call, path, n, anywhere }, fault)) => {
            if !anywhere {
                command.arg("-P").arg(if path.is_empty() { folder.to_owned() } else { folder.join(path) });
            }
            command.args(["-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:{}:when={n}", fault.injection())]);
        }
    }
    command.arg(program);
    command
}

/// Every call of a traced run that changed something in `folder`.
pub fn points(log: &Path, folder: &Path) -> Vec<Point> {
    let text = std::fs::read_to_string(log).unwrap();
    let process = text.split(' ').next().unwrap();
    let mut counts: BTreeMap<(&str, &str, PathBuf), u32> = BTreeMap::new();
    let mut count = |thread, call, path: &Path| {
        let n = counts.entry((thread, call, path.to_owned())).or_default();
        *n += 1;
        *n
    };
    let mut found = std::collections::BTreeSet::new();
    for line in text.lines() {
        let Some((thread, call, path)) = parse(line) else { continue };
        let (n, n_anywhere) = (count(thread, call, &path), count(thread, call, Path::new("")));
        let reads = call == "openat" && !["O_CREAT", "O_WRONLY", "O_RDWR"].iter().any(|flag| line.contains(flag));
        let Some(path) = path.strip_prefix(folder).ok().filter(|_| !reads) else { continue };
        let path = path.display().to_string();
        let anywhere = path.contains(process);
        found.insert(Point { call: call.to_owned(), path, n: if anywhere { n_anywhere } else { n }, anywhere });
    }
    found.into_iter().collect()
}

/// Thread, call and path of a line such as `12 fsync(5</l/log>) = 0` or `12 rename("/l/a", "/l/b") = 0`.
fn parse(line: &str) -> Option<(&str, &str, PathBuf)> {
    let (thread, rest) = line.split_once(' ')?;
    let (call, arguments) = rest.trim_start().split_once('(')?;
    let quoted = || arguments.split('"').nth(1).map(PathBuf::from);
    let described = || Some(PathBuf::from(arguments.split_once('<')?.1.split('>').next()?));
    let path = match call {
        "openat" | "mkdirat" | "renameat" | "renameat2" | "unlinkat" => {
            quoted().filter(|path| path.is_absolute()).or_else(described)
        }
        "rename" | "unlink" | "mkdir" => quoted(),
        _ => described(),
    };
    Some((thread, call, path.unwrap_or_default()))
}

/// Whether the fault was met.
pub fn met(log: &Path, fault: Fault) -> bool {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match fault {
        Fault::Kill => text.contains("killed by SIGKILL"),
        _ => text.contains("(INJECTED)"),
    }
}

/// Points with each of their faults; all of them where SEALBOOK_FAULTS is `all`, else about `count`, evenly spread from
/// a start that the seed gives.
pub fn choose(points: &[Point], count: usize) -> Vec<(Point, Fault)> {
    let all: Vec<_> = points
        .iter()
        .flat_map(|point| Fault::of(&point.call).iter().map(move |fault| (point.clone(), *fault)))
        .collect();
    if std::env::var("SEALBOOK_FAULTS").is_ok_and(|value| value == "all") {
        eprintln!("all {} faults at {} calls", all.len(), points.len());
        return all;
    }
    let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos() as usize;
    let seed = std::env::var("SEALBOOK_SEED").map_or_else(|_| clock(), |seed| seed.parse().unwrap());
    // An odd step meets every sort of fault.
    let step = all.len().div_ceil(count) | 1;
    let chosen: Vec<_> = all.into_iter().skip(seed % step).step_by(step).collect();
    eprintln!("{} faults, every {step}th (SEALBOOK_SEED={seed}; SEALBOOK_FAULTS=all for all)", chosen.len());
    chosen
}

/// The process that `strace` started.
pub fn tracee(strace: &Child) -> Option<String> {
    let path = format!("/proc/{0}/task/{0}/children", strace.id());
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().next().map(ToOwned::to_owned)
}

/// Whether a process was killed, as `strace` passes it on.
pub fn killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    status.signal() == Some(9)
}
