//! The adaptor for the crate `smb2`; ../../../README.md has the line protocol.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use smb_adaptors::{Adaptor, Answer, Settings, WATCH_TIME, cannot, done, entry, read_piece, serve, words};
use smb2::{ClientConfig, FileTimes, FileWriter, SmbClient, Tree};

struct Smb2 {
    client: SmbClient,
    share: Tree,
    opened: HashMap<String, FileWriter>,
}

impl Adaptor for Smb2 {
    // The crate offers all dialects and lets the server decide on signing and encryption: nothing to configure.
    async fn connect(settings: Settings) -> Result<Self, Box<dyn Error>> {
        if settings.dialect != "any" || settings.protection != "any" {
            return Err("smb2 can be told neither a dialect nor a protection".into());
        }
        let address = format!("{}:{}", settings.host, settings.port);
        let mut client = SmbClient::connect(ClientConfig {
            addr: address,
            username: settings.user,
            password: settings.password,
            ..ClientConfig::default()
        })
        .await?;
        let share = client.connect_share(&settings.share).await?;
        Ok(Self { client, share, opened: HashMap::new() })
    }

    async fn run(&mut self, command: &[&str]) -> Answer {
        match *command {
            ["put", local, name] => self.put(local, name).await,
            ["get", name, local] => self.get(name, local).await,
            ["list", name] => self.list(name).await,
            ["stat", name] => {
                let found = self.client.stat(&mut self.share, name).await?;
                words(entry(found.is_directory, found.size, found.modified.0))
            }
            ["mkdir", name] => {
                self.client.create_directory(&self.share, name).await?;
                done()
            }
            ["rmdir", name] => {
                self.client.delete_directory(&self.share, name).await?;
                done()
            }
            ["remove", name] => {
                self.client.delete_file(&self.share, name).await?;
                done()
            }
            ["rename", old, new] => {
                self.client.rename(&self.share, old, new).await?;
                done()
            }
            ["read", name, offset, length, local] => self.read(name, offset.parse()?, length.parse()?, local).await,
            ["write", name, offset, local] => {
                let writer = self.writer_at(name, offset.parse()?).await?;
                copy(&File::open(local)?, writer).await
            }
            ["touch", name, seconds] => {
                let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.parse()?);
                self.client.set_times(&self.share, name, FileTimes::new().set_modified(time)).await?;
                done()
            }
            ["space"] => {
                let space = self.client.fs_info(&mut self.share).await?;
                words([space.total_bytes.to_string(), space.free_bytes.to_string()])
            }
            ["shares"] => words(self.client.list_shares().await?.into_iter().map(|share| share.name)),
            // A writer is open for writing only, and shares with nobody.
            ["open", name, id] => {
                let writer = self.writer_at(name, 0).await?;
                self.opened.insert(id.to_owned(), writer);
                done()
            }
            ["close", id] => {
                self.opened.remove(id).ok_or("no such ID")?.finish().await?;
                done()
            }
            ["watch", name] => self.watch(name).await,
            _ => cannot(),
        }
    }

    async fn quit(mut self) {
        self.opened.clear();
        self.client.disconnect_share(&self.share).await.ok();
    }
}

impl Smb2 {
    async fn put(&mut self, local: &str, name: &str) -> Answer {
        let source = File::open(local)?;
        copy(&source, self.client.create_file_writer(&self.share, name).await?).await
    }

    async fn get(&mut self, name: &str, local: &str) -> Answer {
        let mut target = File::create(local)?;
        let mut download = self.client.download(&self.share, name).await?;
        while let Some(piece) = download.next_chunk().await {
            target.write_all(&piece?)?;
        }
        done()
    }

    async fn list(&mut self, name: &str) -> Answer {
        let entries = self.client.list_directory(&mut self.share, name).await?;
        let entries = entries.into_iter().filter(|found| found.name != "." && found.name != "..");
        words(entries.flat_map(|found| {
            let [kind, size, time] = entry(found.is_directory, found.size, found.modified.0);
            [found.name, kind, size, time]
        }))
    }

    async fn read(&mut self, name: &str, offset: u64, length: u64, local: &str) -> Answer {
        let target = File::create(local)?;
        let reader = self.client.open_file_reader(&self.share, name).await?;
        let mut copied = 0;
        while copied < length {
            let piece = (length - copied).min(smb2::DOWNLOAD_CHUNK_SIZE.into());
            let data = reader.read_at(offset + copied, piece).await?;
            if data.is_empty() {
                break;
            }
            target.write_all_at(&data, copied)?;
            copied += data.len() as u64;
        }
        reader.close().await?;
        done()
    }

    /// The crate's call makes the file where there is none, which no command wants.
    async fn writer_at(&mut self, name: &str, offset: u64) -> smb2::Result<FileWriter> {
        self.client.stat(&mut self.share, name).await?;
        self.client.create_file_writer_at(&self.share, name, offset).await
    }

    async fn watch(&mut self, name: &str) -> Answer {
        let mut watcher = self.client.watch(&self.share, name, false).await?;
        let changes = tokio::time::timeout(WATCH_TIME, watcher.next_events()).await;
        watcher.close().await?;
        let first = changes??.into_iter().next().ok_or("a change without a name")?;
        words([first.filename])
    }
}

async fn copy(source: &File, mut target: FileWriter) -> Answer {
    loop {
        let piece = read_piece(source, smb2::UPLOAD_CHUNK_SIZE)?;
        if piece.is_empty() {
            target.finish().await?;
            return done();
        }
        target.write_chunk(&piece).await?;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    serve::<Smb2>()
}
