// The adaptor for smbj, with dcerpc beside it for the list of shares.

import static com.hierynomus.mssmb2.SMB2CreateDisposition.FILE_OPEN;
import static com.hierynomus.mssmb2.SMB2CreateDisposition.FILE_OVERWRITE_IF;

import com.hierynomus.msdtyp.AccessMask;
import com.hierynomus.msdtyp.FileTime;
import com.hierynomus.msfscc.FileAttributes;
import com.hierynomus.msfscc.fileinformation.FileBasicInformation;
import com.hierynomus.mssmb2.SMB2CompletionFilter;
import com.hierynomus.mssmb2.SMB2CreateDisposition;
import com.hierynomus.mssmb2.SMB2Dialect;
import com.hierynomus.mssmb2.SMB2ShareAccess;
import com.hierynomus.smbj.SMBClient;
import com.hierynomus.smbj.SmbConfig;
import com.hierynomus.smbj.auth.AuthenticationContext;
import com.hierynomus.smbj.io.InputStreamByteChunkProvider;
import com.hierynomus.smbj.session.Session;
import com.hierynomus.smbj.share.DiskShare;
import com.hierynomus.smbj.share.File;
import com.rapid7.client.dcerpc.mssrvs.ServerService;
import com.rapid7.client.dcerpc.mssrvs.dto.NetShareInfo;
import com.rapid7.client.dcerpc.transport.SMBTransportFactories;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

final class Smbj implements Library {
    private static final int CHUNK = 1 << 20; // as much as smbj asks for in one request
    private static final Set<SMB2ShareAccess> NOBODY = EnumSet.noneOf(SMB2ShareAccess.class);

    private final SMBClient client;
    private final Session session;
    private final DiskShare share;

    private Smbj(Target target) throws IOException {
        client = new SMBClient(configuration(target));
        var who = new AuthenticationContext(target.user(), target.password().toCharArray(), "");
        session = client.connect(target.host(), target.port()).authenticate(who);
        share = (DiskShare) session.connectShare(target.share());
    }

    public static void main(String[] arguments) throws IOException {
        Lines.serve(arguments, Smbj::new, error -> ""); // its messages have the status
    }

    private static SmbConfig configuration(Target target) {
        var builder = SmbConfig.builder();
        if (!target.dialect().equals("any")) {
            builder.withDialects(SMB2Dialect.valueOf("SMB_" + target.dialect().replace('.', '_')));
        }
        switch (target.protection()) {
            case "any" -> {}
            case "plain" -> builder.withSigningEnabled(false); // refused from 3.0 on: there it always signs
            case "signed" -> builder.withSigningRequired(true);
            case "encrypted" -> builder.withEncryptData(true);
            default -> throw new IllegalArgumentException("smbj cannot be told " + target.protection());
        }
        return builder.build();
    }

    @Override
    public void put(Path local, String name) throws IOException {
        try (var in = Files.newInputStream(local);
                var file = file(name, AccessMask.GENERIC_WRITE, SMB2ShareAccess.ALL, FILE_OVERWRITE_IF)) {
            file.write(new InputStreamByteChunkProvider(in));
        }
    }

    @Override
    public void get(String name, Path local) throws IOException {
        try (var file = file(name, AccessMask.GENERIC_READ);
                var out = Files.newOutputStream(local)) {
            file.read(out);
        }
    }

    @Override
    public List<Entry> list(String name) {
        return share.list(name).stream()
                .filter(one -> !one.getFileName().equals(".") && !one.getFileName().equals(".."))
                .map(one -> new Entry(
                        one.getFileName(),
                        (one.getFileAttributes() & FileAttributes.FILE_ATTRIBUTE_DIRECTORY.getValue()) != 0,
                        one.getEndOfFile(),
                        one.getLastWriteTime().toEpoch(TimeUnit.SECONDS)))
                .toList();
    }

    @Override
    public Entry stat(String name) {
        var all = share.getFileInformation(name);
        return new Entry(
                name,
                all.getStandardInformation().isDirectory(),
                all.getStandardInformation().getEndOfFile(),
                all.getBasicInformation().getLastWriteTime().toEpoch(TimeUnit.SECONDS));
    }

    @Override
    public void mkdir(String name) {
        share.mkdir(name);
    }

    @Override
    public void rmdir(String name) {
        share.rmdir(name, false);
    }

    @Override
    public void remove(String name) {
        share.rm(name);
    }

    @Override
    public void rename(String from, String to) {
        var access = EnumSet.of(AccessMask.DELETE, AccessMask.GENERIC_WRITE);
        try (var entry = share.open(from, access, null, SMB2ShareAccess.ALL, FILE_OPEN, null)) {
            entry.rename(to.replace('/', '\\')); // smbj translates the paths of opens only
        }
    }

    @Override
    public void read(String name, long offset, long length, Path local) throws IOException {
        var chunk = new byte[CHUNK];
        try (var file = file(name, AccessMask.GENERIC_READ);
                var out = Files.newOutputStream(local)) {
            long end = offset + length;
            for (long at = offset; at < end; ) {
                int count = file.read(chunk, at, 0, (int) Math.min(CHUNK, end - at));
                if (count <= 0) {
                    break;
                }
                out.write(chunk, 0, count);
                at += count;
            }
        }
    }

    @Override
    public void write(String name, long offset, Path local) throws IOException {
        var chunk = new byte[CHUNK];
        try (var in = Files.newInputStream(local);
                var file = file(name, AccessMask.GENERIC_WRITE)) {
            long at = offset;
            for (int count; (count = in.read(chunk)) > 0; at += count) {
                file.write(chunk, at, 0, count);
            }
        }
    }

    @Override
    public void truncate(String name, long size) {
        try (var file = file(name, AccessMask.GENERIC_WRITE)) {
            file.setLength(size);
        }
    }

    @Override
    public void touch(String name, long seconds) {
        var keep = FileBasicInformation.DONT_SET;
        var time = FileTime.ofEpoch(seconds, TimeUnit.SECONDS);
        share.setFileInformation(name, new FileBasicInformation(keep, keep, time, keep, 0));
    }

    @Override
    public Space space() {
        var volume = share.getShareInformation();
        return new Space(volume.getTotalSpace(), volume.getCallerFreeSpace());
    }

    @Override
    public List<String> shares() throws IOException {
        var service = new ServerService(SMBTransportFactories.SRVSVC.getTransport(session));
        return service.getShares0().stream().map(NetShareInfo::getNetName).toList();
    }

    @Override
    public AutoCloseable open(String name) {
        return share.openFile(
                name, EnumSet.of(AccessMask.GENERIC_READ, AccessMask.GENERIC_WRITE), null, NOBODY, FILE_OPEN, null);
    }

    @Override
    public String watch(String name, int seconds) throws Exception {
        var access = EnumSet.of(AccessMask.GENERIC_READ);
        try (var folder = share.openDirectory(name, access, null, SMB2ShareAccess.ALL, FILE_OPEN, null)) {
            var changes = folder.watchAsync(EnumSet.allOf(SMB2CompletionFilter.class), false);
            return changes.get(seconds, TimeUnit.SECONDS).getFileNotifyInfoList().get(0).getFileName();
        }
    }

    @Override
    public void close() throws IOException {
        session.close();
        client.close();
    }

    private File file(String name, AccessMask access) {
        return file(name, access, SMB2ShareAccess.ALL, FILE_OPEN);
    }

    private File file(String name, AccessMask access, Set<SMB2ShareAccess> sharing, SMB2CreateDisposition disposition) {
        return share.openFile(name, EnumSet.of(access), null, sharing, disposition, null);
    }
}
