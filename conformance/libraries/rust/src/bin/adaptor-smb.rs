//! The adaptor for the crate `smb` (smb-rs); ../../../README.md has the line protocol.

use std::error::Error;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use smb::connection::EncryptionMode;
use smb::resource::{SetLen, file_util::block_copy};
use smb::{
    Client, ClientConfig, ConnectionConfig, CreateDisposition, CreateOptions, Dialect, DirAccessMask, Directory, File,
    FileAccessMask, FileAttributes, FileBasicInformation, FileCreateArgs, FileDispositionInformation,
    FileFsFullSizeInformation, FileIdBothDirectoryInformation, FileNetworkOpenInformation, FileRenameInformation,
    GetLen, NotifyFilter, ReadAt, ReadAtChannel, Resource, ResourceHandle, UncPath, WriteAt, WriteAtChannel,
};
use smb_adaptors::{Adaptor, Answer, Settings, WATCH_TIME, cannot, done, entry, read_piece, serve, to_windows, words};

const PIECE: u32 = 0x10000; // what block_copy takes
const JOBS: usize = 16; // its default

struct Smb {
    client: Client,
    share: UncPath,
    user: String,
    password: String,
}

/// A file on the server, as `block_copy` wants it. It drops files unclosed and loses errors: this keeps both.
struct Remote {
    file: Arc<File>,
    failure: Arc<Mutex<Option<smb::Error>>>,
}

impl Remote {
    fn new(file: File) -> (Self, Arc<File>, Arc<Mutex<Option<smb::Error>>>) {
        let (file, failure) = (Arc::new(file), Arc::default());
        (Self { file: Arc::clone(&file), failure: Arc::clone(&failure) }, file, failure)
    }

    fn noted(&self, result: smb::Result<usize>) -> smb::Result<usize> {
        result.map_err(|error| {
            self.failure.lock().unwrap().get_or_insert(error);
            smb::Error::Other("noted")
        })
    }
}

impl ReadAtChannel for Remote {
    async fn read_at_channel(&self, buffer: &mut [u8], offset: u64, channel: Option<u32>) -> smb::Result<usize> {
        self.noted(self.file.read_at_channel(buffer, offset, channel).await)
    }
}

impl WriteAtChannel for Remote {
    async fn write_at_channel(&self, buffer: &[u8], offset: u64, channel: Option<u32>) -> smb::Result<usize> {
        self.noted(self.file.write_at_channel(buffer, offset, channel).await)
    }
}

impl GetLen for Remote {
    async fn get_len(&self) -> smb::Result<u64> {
        self.file.get_len().await
    }
}

impl SetLen for Remote {
    async fn set_len(&self, length: u64) -> smb::Result<()> {
        self.file.set_len(length).await
    }
}

/// A file on this machine; the crate's own, around tokio's, may still be writing when `block_copy` is through.
struct Local(std::fs::File);

impl ReadAtChannel for Local {
    async fn read_at_channel(&self, buffer: &mut [u8], offset: u64, _: Option<u32>) -> smb::Result<usize> {
        self.0.read_exact_at(buffer, offset)?;
        Ok(buffer.len())
    }
}

impl WriteAtChannel for Local {
    async fn write_at_channel(&self, buffer: &[u8], offset: u64, _: Option<u32>) -> smb::Result<usize> {
        self.0.write_all_at(buffer, offset)?;
        Ok(buffer.len())
    }
}

impl GetLen for Local {
    async fn get_len(&self) -> smb::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

impl SetLen for Local {
    async fn set_len(&self, length: u64) -> smb::Result<()> {
        Ok(self.0.set_len(length)?)
    }
}

fn connection_config(settings: &Settings) -> Result<ConnectionConfig, Box<dyn Error>> {
    let dialect = match settings.dialect.as_str() {
        "any" => None,
        "2.0.2" => Some(Dialect::Smb0202),
        "2.1" => Some(Dialect::Smb021),
        "3.0" => Some(Dialect::Smb030),
        "3.0.2" => Some(Dialect::Smb0302),
        "3.1.1" => Some(Dialect::Smb0311),
        _ => return Err("no such dialect".into()),
    };
    Ok(ConnectionConfig {
        port: Some(settings.port),
        min_dialect: dialect,
        max_dialect: dialect,
        encryption_mode: match settings.protection.as_str() {
            "any" => EncryptionMode::Allowed,
            "signed" => EncryptionMode::Disabled, // everything but guests is signed then
            "encrypted" => EncryptionMode::Required,
            _ => return Err("smb signs whatever it does not encrypt".into()),
        },
        ..ConnectionConfig::default()
    })
}

impl Adaptor for Smb {
    async fn connect(settings: Settings) -> Result<Self, Box<dyn Error>> {
        let connection = connection_config(&settings)?;
        let client = Client::new(ClientConfig { connection, ..ClientConfig::default() });
        let share = UncPath::new(&settings.host)?.with_share(&settings.share)?;
        client.share_connect(&share, &settings.user, settings.password.clone()).await?;
        Ok(Self { client, share, user: settings.user, password: settings.password })
    }

    async fn run(&mut self, command: &[&str]) -> Answer {
        match *command {
            ["put", local, name] => self.put(local, name).await,
            ["get", name, local] => self.get(name, local).await,
            ["list", name] => self.list(name).await,
            ["stat", name] => self.stat(name).await,
            ["mkdir", name] => {
                let attributes = FileAttributes::new().with_directory(true);
                let options = CreateOptions::new().with_directory_file(true);
                let made = self.create(name, &FileCreateArgs::make_create_new(attributes, options)).await?;
                handle(&made).close().await?;
                done()
            }
            ["rmdir", name] => self.delete(name, CreateOptions::new().with_directory_file(true)).await,
            ["remove", name] => self.delete(name, CreateOptions::new().with_non_directory_file(true)).await,
            ["rename", old, new] => self.rename(old, new).await,
            ["read", name, offset, length, local] => self.read(name, offset.parse()?, length.parse()?, local).await,
            ["write", name, offset, local] => self.write(name, offset.parse()?, local).await,
            ["truncate", name, size] => {
                let file = self.open_file(name, FileAccessMask::new().with_generic_write(true)).await?;
                let result = file.set_len(size.parse()?).await;
                closed(&file, result).await
            }
            ["touch", name, seconds] => self.touch(name, seconds.parse()?).await,
            ["space"] => self.space().await,
            ["shares"] => self.shares().await,
            ["watch", name] => self.watch(name).await,
            // `open`: the crate opens everything shared with everybody.
            _ => cannot(),
        }
    }

    async fn quit(self) {
        self.client.close().await.ok();
    }
}

impl Smb {
    async fn create(&self, name: &str, arguments: &FileCreateArgs) -> smb::Result<Resource> {
        self.client.create_file(&self.share.clone().with_path(name), arguments).await
    }

    async fn open(&self, name: &str, access: FileAccessMask) -> smb::Result<Resource> {
        self.create(name, &FileCreateArgs::make_open_existing(access)).await
    }

    async fn open_file(&self, name: &str, access: FileAccessMask) -> Result<File, Box<dyn Error>> {
        match self.open(name, access).await? {
            Resource::File(file) => Ok(file),
            other => {
                handle(&other).close().await?;
                Err("not a file".into())
            }
        }
    }

    async fn open_folder(&self, name: &str) -> Result<Arc<Directory>, Box<dyn Error>> {
        let access = DirAccessMask::new().with_list_directory(true);
        match self.open(name, access.into()).await? {
            Resource::Directory(folder) => Ok(Arc::new(folder)),
            other => {
                handle(&other).close().await?;
                Err("not a folder".into())
            }
        }
    }

    async fn put(&self, local: &str, name: &str) -> Answer {
        let source = Local(std::fs::File::open(local)?);
        let options = CreateOptions::new().with_non_directory_file(true);
        let arguments = FileCreateArgs::make_overwrite(FileAttributes::new(), options);
        let (target, file, failure) = match self.create(name, &arguments).await? {
            Resource::File(file) => Remote::new(file),
            _ => return Err("not a file".into()),
        };
        let copied = block_copy(source, target, JOBS).await;
        let failure = failure.lock().unwrap().take();
        closed(&file, copied.and(failure.map_or(Ok(()), Err))).await
    }

    async fn get(&self, name: &str, local: &str) -> Answer {
        let target = Local(std::fs::File::create(local)?);
        let access = FileAccessMask::new().with_generic_read(true);
        let (source, file, failure) = Remote::new(self.open_file(name, access).await?);
        let copied = block_copy(source, target, JOBS).await;
        let failure = failure.lock().unwrap().take();
        closed(&file, copied.and(failure.map_or(Ok(()), Err))).await
    }

    async fn list(&self, name: &str) -> Answer {
        let folder = self.open_folder(name).await?;
        let mut found = Vec::new();
        {
            let mut entries = Directory::query::<FileIdBothDirectoryInformation>(&folder, "*").await?;
            while let Some(next) = entries.next().await {
                let next = next?;
                let name = next.file_name.to_string();
                if name != "." && name != ".." {
                    found.push(name);
                    found.extend(entry(next.file_attributes.directory(), next.end_of_file, *next.last_write_time));
                }
            }
        }
        folder.close().await?;
        words(found)
    }

    async fn stat(&self, name: &str) -> Answer {
        let found = self.open(name, FileAccessMask::new().with_file_read_attributes(true)).await?;
        let about = handle(&found).query_info::<FileNetworkOpenInformation>().await;
        handle(&found).close().await?;
        let about = about?;
        words(entry(about.file_attributes.directory(), about.end_of_file, *about.last_write_time))
    }

    async fn delete(&self, name: &str, options: CreateOptions) -> Answer {
        let arguments = FileCreateArgs {
            disposition: CreateDisposition::Open,
            options,
            desired_access: FileAccessMask::new().with_delete(true),
            ..FileCreateArgs::default()
        };
        let found = self.create(name, &arguments).await?;
        let result = handle(&found).set_info(FileDispositionInformation { delete_pending: true.into() }).await;
        closed(handle(&found), result).await
    }

    async fn rename(&self, old: &str, new: &str) -> Answer {
        let found = self.open(old, FileAccessMask::new().with_delete(true)).await?;
        let target = FileRenameInformation {
            replace_if_exists: false.into(),
            root_directory: 0,
            file_name: new.replace('/', "\\").into(),
        };
        let result = handle(&found).set_info(target).await;
        closed(handle(&found), result).await
    }

    async fn read(&self, name: &str, offset: u64, length: u64, local: &str) -> Answer {
        let target = std::fs::File::create(local)?;
        let file = self.open_file(name, FileAccessMask::new().with_generic_read(true)).await?;
        let mut buffer = vec![0; PIECE as usize];
        let mut copied = 0;
        let mut result = Ok(());
        while copied < length {
            let piece = usize::try_from((length - copied).min(PIECE.into()))?;
            match file.read_at(&mut buffer[..piece], offset + copied).await {
                Ok(0) => break,
                Ok(count) => {
                    target.write_all_at(&buffer[..count], copied)?;
                    copied += count as u64;
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        closed(&file, result).await
    }

    async fn write(&self, name: &str, mut offset: u64, local: &str) -> Answer {
        let source = std::fs::File::open(local)?;
        let file = self.open_file(name, FileAccessMask::new().with_generic_write(true)).await?;
        loop {
            let piece = read_piece(&source, PIECE)?;
            if piece.is_empty() {
                return closed(&file, Ok(())).await;
            }
            match file.write_at(&piece, offset).await {
                Ok(count) if count == piece.len() => offset += count as u64,
                Ok(_) => return closed(&file, Err(smb::Error::Other("written in part"))).await,
                Err(error) => return closed(&file, Err(error)).await,
            }
        }
    }

    async fn touch(&self, name: &str, seconds: i64) -> Answer {
        let found = self.open(name, FileAccessMask::new().with_file_write_attributes(true)).await?;
        let unchanged = 0.into();
        let times = FileBasicInformation {
            creation_time: unchanged,
            last_access_time: unchanged,
            last_write_time: to_windows(seconds).into(),
            change_time: unchanged,
            file_attributes: FileAttributes::new(),
        };
        let result = handle(&found).set_info(times).await;
        closed(handle(&found), result).await
    }

    async fn space(&self) -> Answer {
        let root = self.open_folder("").await?;
        let space = root.query_fs_info::<FileFsFullSizeInformation>().await;
        root.close().await?;
        let space = space?;
        let unit = u64::from(space.sectors_per_allocation_unit) * u64::from(space.bytes_per_sector);
        let units = [space.total_allocation_units, space.caller_available_allocation_units];
        words(units.map(|count| (count * unit).to_string()))
    }

    async fn shares(&self) -> Answer {
        let server = self.share.server();
        self.client.ipc_connect(server, &self.user, self.password.clone()).await?;
        let shares = self.client.list_shares(server).await?;
        words(shares.iter().filter_map(|share| share.netname.as_ref().map(|name| name.to_string())))
    }

    async fn watch(&self, name: &str) -> Answer {
        let folder = self.open_folder(name).await?;
        let filter = NotifyFilter::new().with_file_name(true).with_dir_name(true).with_size(true).with_last_write(true);
        let changes = folder.watch_timeout(filter, false, WATCH_TIME).await;
        folder.close().await?;
        let first = changes?.into_iter().next().ok_or("a change without a name")?;
        words([first.file_name.to_string()])
    }
}

fn handle(resource: &Resource) -> &ResourceHandle {
    match resource {
        Resource::File(file) => file.handle(),
        Resource::Directory(folder) => folder.handle(),
        Resource::Pipe(pipe) => pipe.handle(),
    }
}

/// Closes whatever has happened, and says the first that went wrong.
async fn closed(opened: &ResourceHandle, result: smb::Result<()>) -> Answer {
    let close = opened.close().await;
    result.and(close)?;
    done()
}

fn main() -> Result<(), Box<dyn Error>> {
    serve::<Smb>()
}
