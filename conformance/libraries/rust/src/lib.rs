//! The line protocol of ../../README.md, for any library: reads commands, runs them, writes answers.

use std::error::Error;
use std::fmt::Write as _;
use std::future::Future;
use std::io::{self, Read, Write};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub const WATCH_TIME: Duration = Duration::from_secs(20);

/// The words of `ok`, or nothing where the library has no call for the command.
pub type Answer = Result<Option<Vec<String>>, Box<dyn Error>>;

/// `ok` without words.
pub fn done() -> Answer {
    Ok(Some(Vec::new()))
}

/// `ok` with words.
pub fn words(words: impl IntoIterator<Item = String>) -> Answer {
    Ok(Some(words.into_iter().collect()))
}

/// `cannot`
pub fn cannot() -> Answer {
    Ok(None)
}

/// Kind, size and time of last write, as `stat` and `list` have them.
pub fn entry(is_folder: bool, size: u64, windows_time: u64) -> [String; 3] {
    let kind = if is_folder { "folder" } else { "file" };
    [kind.to_owned(), size.to_string(), to_unix(windows_time).to_string()]
}

const TICKS: u64 = 10_000_000; // in a second
const UNIX_EPOCH: i64 = 11_644_473_600; // seconds after that of Windows

fn to_unix(windows_time: u64) -> i64 {
    (windows_time / TICKS).cast_signed() - UNIX_EPOCH
}

/// A time of the file system from seconds since 1970.
pub fn to_windows(seconds: i64) -> u64 {
    (seconds + UNIX_EPOCH).cast_unsigned() * TICKS
}

/// Reads until the piece is full or the file ends; an empty piece is the end.
pub fn read_piece(file: &std::fs::File, length: u32) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    file.take(length.into()).read_to_end(&mut piece)?;
    Ok(piece)
}

/// What the command line says.
pub struct Settings {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub share: String,
    pub dialect: String,
    pub protection: String,
}

impl Settings {
    fn from_command_line() -> Option<Self> {
        let mut arguments = std::env::args().skip(1);
        Some(Self {
            host: arguments.next()?,
            port: arguments.next()?.parse().ok()?,
            user: arguments.next()?,
            password: arguments.next()?,
            share: arguments.next()?,
            dialect: arguments.next()?,
            protection: arguments.next()?,
        })
    }
}

/// A library behind the protocol.
pub trait Adaptor: Sized {
    /// Logs on and connects to the share.
    fn connect(settings: Settings) -> impl Future<Output = Result<Self, Box<dyn Error>>>;
    /// Runs one command; the words are the command and what belongs to it.
    fn run(&mut self, command: &[&str]) -> impl Future<Output = Answer>;
    /// Logs off.
    fn quit(self) -> impl Future<Output = ()>;
}

/// The whole of a program: one answer for the connection, then one for each line.
pub fn serve<A: Adaptor>() -> Result<(), Box<dyn Error>> {
    let settings = Settings::from_command_line().ok_or("usage: HOST PORT USER PASSWORD SHARE DIALECT PROTECTION")?;
    // One thread: on several, smb 0.12.1 loses wake-ups between its tasks and a listing hangs.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut adaptor = match A::connect(settings).await {
            Ok(adaptor) => {
                reply(done())?;
                adaptor
            }
            Err(error) => return reply(Err(error)),
        };
        let mut lines = read_lines();
        while let Some(line) = lines.recv().await {
            let command = line.split('\t').map(decode).collect::<Option<Vec<_>>>();
            let answer = match command {
                None => Err("not a line of the protocol".into()),
                Some(command) if command == ["quit"] => break,
                Some(command) => run_caught(&mut adaptor, &command).await,
            };
            reply(answer)?;
        }
        adaptor.quit().await;
        Ok(())
    })
}

/// Standard input from a thread of its own, so that the library's tasks go on while it is waited for.
fn read_lines() -> UnboundedReceiver<String> {
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// A panic inside the library is a failed command.
async fn run_caught<A: Adaptor>(adaptor: &mut A, command: &[String]) -> Answer {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    match AssertUnwindSafe(adaptor.run(&command)).catch_unwind().await {
        Ok(answer) => answer,
        Err(_) => Err("the library panicked".into()),
    }
}

fn reply(answer: Answer) -> Result<(), Box<dyn Error>> {
    let line = match answer {
        Ok(Some(words)) => join("ok", &words),
        Ok(None) => "cannot".to_owned(),
        Err(error) => join("failed", &[with_causes(error.as_ref())]),
    };
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    Ok(output.flush()?)
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}"); // cannot fail: it is a String
        cause = error.source();
    }
    text
}

fn join(first: &str, words: &[String]) -> String {
    let mut line = first.to_owned();
    for word in words {
        line.push('\t');
        line += &encode(word);
    }
    line
}

fn encode(word: &str) -> String {
    let mut encoded = String::new();
    for byte in word.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn decode(word: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = word.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
