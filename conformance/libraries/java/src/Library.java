// What an adaptor does with its library, one method for each command of the line protocol.

import java.nio.file.Path;
import java.util.List;

interface Library extends AutoCloseable {
    /** Whom to log on to, and how: the adaptor's arguments. */
    record Target(
            String host, int port, String user, String password, String share, String dialect, String protection) {}

    /** One file or folder; the time is in seconds since 1970. */
    record Entry(String name, boolean folder, long size, long seconds) {}

    /** Bytes of a volume. */
    record Space(long all, long free) {}

    void put(Path local, String name) throws Exception;

    void get(String name, Path local) throws Exception;

    List<Entry> list(String name) throws Exception;

    Entry stat(String name) throws Exception;

    void mkdir(String name) throws Exception;

    void rmdir(String name) throws Exception;

    void remove(String name) throws Exception;

    void rename(String from, String to) throws Exception;

    void read(String name, long offset, long length, Path local) throws Exception;

    void write(String name, long offset, Path local) throws Exception;

    void truncate(String name, long size) throws Exception;

    void touch(String name, long seconds) throws Exception;

    Space space() throws Exception;

    List<String> shares() throws Exception;

    /** Opens for reading and writing, shared with nobody. */
    AutoCloseable open(String name) throws Exception;

    /** The name of something that changed in the folder; throws TimeoutException after some seconds. */
    String watch(String name, int seconds) throws Exception;
}
