// The adaptor for jcifs-ng, AgNO3's line of jcifs; that for CodeLibs' line is made of it (known.py).

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import jcifs.CIFSContext;
import jcifs.FileNotifyInformation;
import jcifs.SmbConstants;
import jcifs.SmbWatchHandle;
import jcifs.config.PropertyConfiguration;
import jcifs.context.BaseContext;
import jcifs.dcerpc.DcerpcHandle;
import jcifs.dcerpc.msrpc.MsrpcShareEnum;
import jcifs.smb.FileEntry;
import jcifs.smb.NtlmPasswordAuthenticator;
import jcifs.smb.SmbException;
import jcifs.smb.SmbFile;
import jcifs.smb.SmbRandomAccessFile;

final class JcifsNg implements Library {
    private static final int CHUNK = 1 << 20; // the library cuts it into requests
    private static final int CHANGES = FileNotifyInformation.FILE_NOTIFY_CHANGE_NAME
            | FileNotifyInformation.FILE_NOTIFY_CHANGE_SIZE
            | FileNotifyInformation.FILE_NOTIFY_CHANGE_LAST_WRITE;

    private final CIFSContext context;
    private final String server;
    private final String root;

    private JcifsNg(Target target) throws IOException {
        var who = new NtlmPasswordAuthenticator("", target.user(), target.password());
        context = new BaseContext(new PropertyConfiguration(properties(target))).withCredentials(who);
        server = target.host() + ":" + target.port();
        root = "smb://" + server + "/" + target.share() + "/";
        try (var share = folder("")) {
            share.connect();
        }
    }

    public static void main(String[] arguments) throws IOException {
        Lines.serve(arguments, JcifsNg::new, JcifsNg::status);
    }

    private static Properties properties(Target target) {
        var properties = new Properties();
        if (!target.dialect().equals("any")) {
            // 2.1 is SMB210, 3.1.1 is SMB311
            String version = "SMB" + (target.dialect().replace(".", "") + "0").substring(0, 3);
            properties.putAll(Map.of("jcifs.smb.client.minVersion", version, "jcifs.smb.client.maxVersion", version));
        }
        switch (target.protection()) {
            case "any" -> {}
            case "signed" -> properties.put("jcifs.smb.client.signingEnforced", "true");
            // it signs wherever the server can, and what its property for encryption negotiates is never used
            default -> throw new IllegalArgumentException("jcifs-ng cannot be told " + target.protection());
        }
        return properties;
    }

    @Override
    public void put(Path local, String name) throws IOException {
        try (var in = Files.newInputStream(local);
                var file = file(name);
                var out = file.openOutputStream()) {
            var chunk = new byte[CHUNK];
            for (int count; (count = in.read(chunk)) > 0; ) {
                out.write(chunk, 0, count);
            }
        }
    }

    @Override
    public void get(String name, Path local) throws IOException {
        try (var file = file(name);
                var in = file.openInputStream();
                var out = Files.newOutputStream(local)) {
            var chunk = new byte[CHUNK];
            for (int count; (count = in.read(chunk)) > 0; ) {
                out.write(chunk, 0, count);
            }
        }
    }

    @Override
    public List<Entry> list(String name) throws IOException {
        try (var folder = folder(name)) {
            var entries = new ArrayList<Entry>();
            for (SmbFile one : folder.listFiles()) {
                entries.add(entry(one));
                one.close();
            }
            return entries;
        }
    }

    @Override
    public Entry stat(String name) throws IOException {
        try (var file = file(name)) {
            return entry(file);
        }
    }

    @Override
    public void mkdir(String name) throws IOException {
        try (var folder = folder(name)) {
            folder.mkdir();
        }
    }

    @Override
    public void rmdir(String name) throws IOException {
        try (var folder = folder(name)) {
            if (folder.list().length > 0) {
                throw new IOException("not empty, and the library would remove what is in it");
            }
            folder.delete();
        }
    }

    @Override
    public void remove(String name) throws IOException {
        try (var file = file(name)) {
            if (file.isDirectory()) {
                throw new IOException("a folder, and the library would remove it");
            }
            file.delete();
        }
    }

    @Override
    public void rename(String from, String to) throws IOException {
        try (var old = file(from);
                var fresh = file(to)) {
            old.renameTo(fresh);
        }
    }

    @Override
    public void read(String name, long offset, long length, Path local) throws IOException {
        try (var file = file(name);
                var from = new SmbRandomAccessFile(file, "r");
                var out = Files.newOutputStream(local)) {
            from.seek(offset);
            var chunk = new byte[CHUNK];
            long left = length;
            for (int count; left > 0 && (count = from.read(chunk, 0, (int) Math.min(CHUNK, left))) > 0; left -= count) {
                out.write(chunk, 0, count);
            }
        }
    }

    @Override
    public void write(String name, long offset, Path local) throws IOException {
        try (var in = Files.newInputStream(local);
                var file = file(name);
                var to = new SmbRandomAccessFile(file, "rw")) {
            to.seek(offset);
            var chunk = new byte[CHUNK];
            for (int count; (count = in.read(chunk)) > 0; ) {
                to.write(chunk, 0, count);
            }
        }
    }

    @Override
    public void truncate(String name, long size) throws IOException {
        try (var file = file(name);
                var opened = new SmbRandomAccessFile(file, "rw")) {
            opened.setLength(size);
        }
    }

    @Override
    public void touch(String name, long seconds) throws IOException {
        try (var file = file(name)) {
            file.setLastModified(TimeUnit.SECONDS.toMillis(seconds));
        }
    }

    @Override
    public Space space() throws IOException {
        try (var share = folder("")) {
            return new Space(share.length(), share.getDiskFreeSpace()); // the length of a share is its volume's
        }
    }

    @Override
    public List<String> shares() throws IOException {
        // what listing "smb://host:port/" does, which however forgets the port
        try (var pipe = DcerpcHandle.getHandle("ncacn_np:" + server + "[\\PIPE\\srvsvc]", context)) {
            var call = new MsrpcShareEnum(server);
            pipe.sendrecv(call);
            return Stream.of(call.getEntries()).map(FileEntry::getName).toList();
        }
    }

    @Override
    public AutoCloseable open(String name) throws IOException {
        return file(name).openRandomAccess("rw", SmbConstants.FILE_NO_SHARE);
    }

    @Override
    public String watch(String name, int seconds) throws Exception {
        try (var folder = folder(name);
                SmbWatchHandle handle = folder.watch(CHANGES, false)) {
            var changes = CompletableFuture.supplyAsync(() -> changes(handle)); // the call itself waits for ever
            return changes.get(seconds, TimeUnit.SECONDS).get(0).getFileName();
        }
    }

    private static List<FileNotifyInformation> changes(SmbWatchHandle handle) {
        try {
            return handle.watch();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static String status(Throwable error) {
        return error instanceof SmbException known ? String.format("0x%08X", known.getNtStatus()) : "";
    }

    @Override
    public void close() throws IOException {
        context.close();
    }

    private SmbFile file(String name) throws IOException {
        return new SmbFile(root + name, context);
    }

    /** Folders are known by the slash at the end. */
    private SmbFile folder(String name) throws IOException {
        return file(name.isEmpty() ? "" : name + "/");
    }

    private static Entry entry(SmbFile file) throws IOException {
        long size = file.length(); // says so when there is no such file, as isDirectory does not
        long seconds = Math.floorDiv(file.lastModified(), 1000L);
        return new Entry(withoutSlash(file.getName()), file.isDirectory(), size, seconds);
    }

    private static String withoutSlash(String name) {
        return name.endsWith("/") ? name.substring(0, name.length() - 1) : name;
    }
}
