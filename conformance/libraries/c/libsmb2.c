// The adaptor for libsmb2 (VLC, Kodi, many apps on iOS); ../README.md has the line protocol.
#define _GNU_SOURCE  // getline, strdup
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

// libsmb2's headers want the standard ones before them, and this order.
#include <smb2/smb2.h>
#include <smb2/libsmb2.h>
#include <smb2/libsmb2-raw.h>

#define MAX_WORDS 8
#define MAX_OPEN 64
#define WATCH_SECONDS 20

#pragma weak smb2_get_nterror  // declared, but not every build exports it

static struct smb2_context *smb2;
static const char *host_and_port, *user, *password, *dialect, *protection;

// A file opened with `open`, under its ID; no ID where the place is free.
static struct {
    char *id;
    smb2_file_id file;
} opened[MAX_OPEN];

// What a call of libsmb2-raw.h brought. Static: a callback may come as late as smb2_destroy_context.
static struct {
    bool finished;
    int status;
    smb2_file_id file;
} outcome;

// ---- the line protocol

static void print_word(const char *word) {
    putchar('\t');
    for (const unsigned char *c = (const unsigned char *)word; *c != '\0'; c++) {
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z');
        if (plain || strchr("-._~", *c) != NULL) {
            putchar(*c);
        } else {
            printf("%%%02X", *c);
        }
    }
}

static void print_number(int64_t number) {
    printf("\t%" PRId64, number);
}

static void end_answer(void) {
    putchar('\n');
    fflush(stdout);
}

static void answer_ok(void) {
    fputs("ok", stdout);
    end_answer();
}

static void answer_failed(const char *reason) {
    fputs("failed", stdout);
    print_word(reason);
    end_answer();
}

// For calls that give nothing or -errno: the status where libsmb2 kept it, else its message, else that of errno.
static void answer_error(struct smb2_context *context, int result) {
    char text[1024];
    uint32_t status = smb2_get_nterror != NULL ? (uint32_t)smb2_get_nterror(context) : 0;
    if (status != 0) {
        snprintf(text, sizeof text, "(0x%08" PRIx32 ") %s", status, nterror_to_str(status));
    } else {
        const char *error = result < 0 ? strerror(-result) : "";
        snprintf(text, sizeof text, "%s %s", smb2_get_error(context), error);
    }
    answer_failed(text);
}

static void answer(int result) {
    if (result < 0) {
        answer_error(smb2, result);
    } else {
        answer_ok();
    }
}

static int hexadecimal(char c) {
    const char *digits = "0123456789ABCDEFabcdef";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    if (found == NULL) {
        return -1;
    }
    long value = found - digits;
    return (int)(value > 15 ? value - 6 : value);
}

// Percent-decodes in place. False for what is no percent-encoding, and for a NUL, which ends a string in C.
static bool decode(char *word) {
    char *to = word;
    for (const char *from = word; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hexadecimal(from[1]);
        int low = high < 0 ? -1 : hexadecimal(from[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

// Splits a line at its tabs; the number of words, 0 for a line that is none.
static int split(char *line, char *words[MAX_WORDS]) {
    line[strcspn(line, "\r\n")] = '\0';
    int count = 0;
    for (char *word = strsep(&line, "\t"); word != NULL; word = strsep(&line, "\t")) {
        if (count == MAX_WORDS || !decode(word)) {
            return 0;
        }
        words[count++] = word;
    }
    return count;
}

// ---- the session

static struct smb2_context *connect_to(const char *share, int *result) {
    struct smb2_context *made = smb2_init_context();
    if (made == NULL) {
        return NULL;
    }
    // As VLC, Kodi and libsmb2's own examples have it.
    smb2_set_security_mode(made, SMB2_NEGOTIATE_SIGNING_ENABLED);
    smb2_set_authentication(made, SMB2_SEC_NTLMSSP);
    static const struct {
        const char *name;
        enum smb2_negotiate_version version;
    } versions[] = {
        {"2.0.2", SMB2_VERSION_0202}, {"2.1", SMB2_VERSION_0210},   {"3.0", SMB2_VERSION_0300},
        {"3.0.2", SMB2_VERSION_0302}, {"3.1.1", SMB2_VERSION_0311},
    };
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (strcmp(dialect, versions[i].name) == 0) {
            smb2_set_version(made, versions[i].version);
        }
    }
    if (strcmp(protection, "encrypted") == 0) {
        smb2_set_seal(made, 1);
    } else if (strcmp(protection, "any") != 0) {
        bool is_signed = strcmp(protection, "signed") == 0;
        smb2_set_seal(made, 0);
        smb2_set_sign(made, is_signed);
        if (is_signed) {
            smb2_set_security_mode(made, SMB2_NEGOTIATE_SIGNING_ENABLED | SMB2_NEGOTIATE_SIGNING_REQUIRED);
        }
    }
    smb2_set_user(made, user);
    smb2_set_password(made, password);
    *result = smb2_connect_share(made, host_and_port, share, user);
    return made;
}

// ---- calls that only the raw interface has

static void finish(struct smb2_context *context, int status, void *data, void *unused) {
    (void)context;
    (void)unused;
    (void)data;
    outcome.finished = true;
    outcome.status = status;
}

static void finish_create(struct smb2_context *context, int status, void *data, void *unused) {
    const struct smb2_create_reply *reply = data;
    if (status == SMB2_STATUS_SUCCESS && reply != NULL) {
        memcpy(outcome.file, reply->file_id, sizeof outcome.file);
    }
    finish(context, status, data, unused);
}

// Lets libsmb2 send and receive for a second at most; false when the connection is gone.
static bool serve(void) {
    struct pollfd waiting = {.fd = smb2_get_fd(smb2), .events = (short)smb2_which_events(smb2)};
    return poll(&waiting, 1, 1000) >= 0 && smb2_service(smb2, waiting.revents) >= 0;
}

// Sends the request and waits; false when it failed, with the reason in libsmb2's message.
static bool run(struct smb2_pdu *pdu) {
    if (pdu == NULL) {
        return false;
    }
    outcome.finished = false;
    smb2_queue_pdu(smb2, pdu);
    while (!outcome.finished) {
        if (!serve()) {
            return false;
        }
    }
    if (outcome.status != SMB2_STATUS_SUCCESS) {
        uint32_t status = (uint32_t)outcome.status;
        smb2_set_error(smb2, "(0x%08" PRIx32 ") %s", status, nterror_to_str(status));
        return false;
    }
    return true;
}

static bool raw_open(const char *name, uint32_t access, uint32_t sharing) {
    struct smb2_create_request request = {
        .requested_oplock_level = SMB2_OPLOCK_LEVEL_NONE,
        .impersonation_level = SMB2_IMPERSONATION_IMPERSONATION,
        .desired_access = access,
        .share_access = sharing,
        .create_disposition = SMB2_FILE_OPEN,
        .name = name,
    };
    return run(smb2_cmd_create_async(smb2, &request, finish_create, NULL));
}

static bool raw_close(const smb2_file_id file) {
    struct smb2_close_request request = {.flags = SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB};
    memcpy(request.file_id, file, sizeof request.file_id);
    return run(smb2_cmd_close_async(smb2, &request, finish, NULL));
}

static bool raw_set_write_time(const smb2_file_id file, int64_t seconds) {
    // What is zero here is zero on the wire, too: the server leaves it as it is.
    struct smb2_file_basic_info times = {.last_write_time = {.tv_sec = (time_t)seconds}};
    struct smb2_set_info_request request = {
        .info_type = SMB2_0_INFO_FILE,
        .file_info_class = SMB2_FILE_BASIC_INFORMATION,
        .input_data = &times,
    };
    memcpy(request.file_id, file, sizeof request.file_id);
    return run(smb2_cmd_set_info_async(smb2, &request, finish, NULL));
}

// ---- content

static bool write_local(int local, const uint8_t *data, size_t length) {
    while (length > 0) {
        ssize_t done = write(local, data, length);
        if (done <= 0) {
            return false;
        }
        data += done;
        length -= (size_t)done;
    }
    return true;
}

// Copies LOCAL into the open file, in pieces of the largest size that the server takes.
static int send_content(struct smb2fh *file, uint64_t offset, int local) {
    size_t piece = smb2_get_max_write_size(smb2);
    uint8_t *buffer = malloc(piece);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    ssize_t length;
    int result = 0;
    while (result >= 0 && (length = read(local, buffer, piece)) != 0) {
        if (length < 0) {
            result = -errno;
        }
        for (ssize_t sent = 0; result >= 0 && sent < length; sent += result) {
            result = smb2_pwrite(smb2, file, buffer + sent, (uint32_t)(length - sent), offset);
            if (result == 0) {
                result = -EIO;  // nothing written: this would go on forever
            } else if (result > 0) {
                offset += (uint64_t)result;
            }
        }
    }
    free(buffer);
    return result;
}

// Copies up to `left` bytes of the open file to LOCAL.
static int receive_content(struct smb2fh *file, uint64_t offset, uint64_t left, int local) {
    uint32_t piece = smb2_get_max_read_size(smb2);
    uint8_t *buffer = malloc(piece);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    int result = 0;
    while (left > 0) {
        result = smb2_pread(smb2, file, buffer, left < piece ? (uint32_t)left : piece, offset);
        if (result <= 0) {
            break;
        }
        if (!write_local(local, buffer, (size_t)result)) {
            result = -EIO;
            break;
        }
        offset += (uint64_t)result;
        left -= (uint64_t)result;
    }
    free(buffer);
    return result;
}

static void upload(const char *path, const char *name, int flags, uint64_t offset) {
    int local = open(path, O_RDONLY | O_CLOEXEC);
    if (local < 0) {
        answer_failed(strerror(errno));
        return;
    }
    struct smb2fh *file = smb2_open(smb2, name, flags);
    if (file == NULL) {
        answer_error(smb2, 0);
    } else {
        int result = send_content(file, offset, local);
        int closed = smb2_close(smb2, file);
        answer(result < 0 ? result : closed);
    }
    close(local);
}

static void download(const char *name, uint64_t offset, uint64_t length, const char *path) {
    int local = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (local < 0) {
        answer_failed(strerror(errno));
        return;
    }
    struct smb2fh *file = smb2_open(smb2, name, O_RDONLY);
    if (file == NULL) {
        answer_error(smb2, 0);
    } else {
        int result = receive_content(file, offset, length, local);
        int closed = smb2_close(smb2, file);
        answer(result < 0 ? result : closed);
    }
    close(local);
}

static void command_put(char **words) {
    upload(words[1], words[2], O_WRONLY | O_CREAT | O_TRUNC, 0);
}

static void command_get(char **words) {
    download(words[1], 0, UINT64_MAX, words[2]);
}

static void command_read(char **words) {
    download(words[1], strtoull(words[2], NULL, 10), strtoull(words[3], NULL, 10), words[4]);
}

static void command_write(char **words) {
    upload(words[3], words[1], O_WRONLY, strtoull(words[2], NULL, 10));
}

// ---- names

// kind, size and time of last write
static void print_entry(const struct smb2_stat_64 *entry) {
    print_word(entry->smb2_type == SMB2_TYPE_DIRECTORY ? "folder" : "file");
    print_number((int64_t)entry->smb2_size);
    print_number((int64_t)entry->smb2_mtime);
}

static void command_list(char **words) {
    struct smb2dir *folder = smb2_opendir(smb2, words[1]);
    if (folder == NULL) {
        answer_error(smb2, 0);
        return;
    }
    fputs("ok", stdout);
    for (struct smb2dirent *entry; (entry = smb2_readdir(smb2, folder)) != NULL;) {
        if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0) {
            print_word(entry->name);
            print_entry(&entry->st);
        }
    }
    end_answer();
    smb2_closedir(smb2, folder);
}

static void command_stat(char **words) {
    struct smb2_stat_64 entry;
    int result = smb2_stat(smb2, words[1], &entry);
    if (result < 0) {
        answer_error(smb2, result);
        return;
    }
    fputs("ok", stdout);
    print_entry(&entry);
    end_answer();
}

static void command_mkdir(char **words) {
    answer(smb2_mkdir(smb2, words[1]));
}

static void command_rmdir(char **words) {
    answer(smb2_rmdir(smb2, words[1]));
}

static void command_remove(char **words) {
    answer(smb2_unlink(smb2, words[1]));
}

static void command_rename(char **words) {
    answer(smb2_rename(smb2, words[1], words[2]));
}

static void command_truncate(char **words) {
    answer(smb2_truncate(smb2, words[1], strtoull(words[2], NULL, 10)));
}

// libsmb2.h has no call for this; apps that keep times (AMSMB2) send it themselves.
static void command_touch(char **words) {
    const uint32_t sharing = SMB2_FILE_SHARE_READ | SMB2_FILE_SHARE_WRITE | SMB2_FILE_SHARE_DELETE;
    if (!raw_open(words[1], SMB2_FILE_WRITE_ATTRIBUTES, sharing)) {
        answer_error(smb2, 0);
        return;
    }
    smb2_file_id file;
    memcpy(file, outcome.file, sizeof file);
    bool is_set = raw_set_write_time(file, strtoll(words[2], NULL, 10));
    if (!is_set) {
        answer_error(smb2, 0);
        raw_close(file);
    } else if (raw_close(file)) {
        answer_ok();
    } else {
        answer_error(smb2, 0);
    }
}

// ---- the rest

static void command_space(char **words) {
    (void)words;
    struct smb2_statvfs volume;
    int result = smb2_statvfs(smb2, "", &volume);
    if (result < 0) {
        answer_error(smb2, result);
        return;
    }
    fputs("ok", stdout);
    print_number((int64_t)(volume.f_blocks * volume.f_frsize));
    print_number((int64_t)(volume.f_bavail * volume.f_frsize));
    end_answer();
}

// A second connection: libsmb2 asks through the share IPC$, and a context has one share.
static void command_shares(char **words) {
    (void)words;
    int result = 0;
    struct smb2_context *context = connect_to("IPC$", &result);
    if (context == NULL) {
        answer_failed(strerror(ENOMEM));
        return;
    }
    struct srvsvc_NetrShareEnum_rep *reply = result < 0 ? NULL : smb2_share_enum_sync(context, SHARE_INFO_1);
    if (reply == NULL) {
        answer_error(context, result);
    } else {
        const struct srvsvc_SHARE_INFO_1_CONTAINER *shares = &reply->ses.ShareEnum.Level1;
        fputs("ok", stdout);
        for (uint32_t i = 0; i < shares->EntriesRead; i++) {
            print_word(shares->share_info_1[i].netname);
        }
        end_answer();
        smb2_free_data(context, reply);
    }
    if (result >= 0) {
        smb2_disconnect_share(context);
    }
    smb2_destroy_context(context);
}

// smb2_open lets others read and write: sharing with nobody is only in the raw request.
static void command_open(char **words) {
    size_t place = 0;
    while (place < MAX_OPEN && opened[place].id != NULL) {
        place++;
    }
    char *id = place < MAX_OPEN ? strdup(words[2]) : NULL;
    if (id == NULL) {
        answer_failed("too many open files");
        return;
    }
    if (!raw_open(words[1], SMB2_GENERIC_READ | SMB2_GENERIC_WRITE, 0)) {
        answer_error(smb2, 0);
        free(id);
        return;
    }
    opened[place].id = id;
    memcpy(opened[place].file, outcome.file, sizeof opened[place].file);
    answer_ok();
}

static void command_close(char **words) {
    for (size_t i = 0; i < MAX_OPEN; i++) {
        if (opened[i].id != NULL && strcmp(opened[i].id, words[1]) == 0) {
            free(opened[i].id);
            opened[i].id = NULL;
            if (raw_close(opened[i].file)) {
                answer_ok();
            } else {
                answer_error(smb2, 0);
            }
            return;
        }
    }
    answer_failed("no such ID");
}

static struct {
    bool running;
    char *name;
} watching;

static void note_change(struct smb2_context *context, int status, void *data, void *unused) {
    (void)status;
    (void)unused;
    struct smb2_file_notify_change_information *change = data;
    if (change == NULL) {
        watching.running = false;  // refused, or ended because the folder was closed
        return;
    }
    if (watching.name == NULL && change->name != NULL) {
        watching.name = strdup(change->name);
    }
    free_smb2_file_notify_change_information(context, change);
}

// Serves the connection until something has changed, the watch has ended or the time is over.
static bool wait_for_change(void) {
    time_t end = time(NULL) + WATCH_SECONDS;
    while (watching.running && watching.name == NULL && time(NULL) < end) {
        if (!serve()) {
            return false;
        }
    }
    return true;
}

// Not smb2_notify_change: it waits for its close inside a callback, and the heap is broken after that (6.1.0).
static void command_watch(char **words) {
    const uint32_t filter = SMB2_CHANGE_NOTIFY_FILE_NOTIFY_CHANGE_FILE_NAME |
                            SMB2_CHANGE_NOTIFY_FILE_NOTIFY_CHANGE_DIR_NAME |
                            SMB2_CHANGE_NOTIFY_FILE_NOTIFY_CHANGE_SIZE |
                            SMB2_CHANGE_NOTIFY_FILE_NOTIFY_CHANGE_LAST_WRITE;
    struct smb2fh *folder = smb2_open(smb2, words[1], O_DIRECTORY);
    if (folder == NULL) {
        answer_error(smb2, 0);
        return;
    }
    watching.running = true;
    watching.name = NULL;
    const int again = 1;  // once more after each answer, as libsmb2's example does
    bool served = smb2_notify_change_filehandle_async(smb2, folder, 0, filter, again, note_change, NULL) == 0 &&
                  wait_for_change();
    bool timed_out = served && watching.running;
    if (served) {
        smb2_close(smb2, folder);  // ends the watch that is under way
    }
    while (served && watching.running) {
        served = serve();
    }
    if (watching.name != NULL) {
        fputs("ok", stdout);
        print_word(watching.name);
        end_answer();
        free(watching.name);
    } else if (timed_out) {
        answer_failed("nothing has changed");
    } else {
        answer_error(smb2, 0);
    }
}

static const struct {
    const char *name;
    int words;  // with the command itself
    void (*run)(char **words);
} commands[] = {
    {"put", 3, command_put},           {"get", 3, command_get},       {"list", 2, command_list},
    {"stat", 2, command_stat},         {"mkdir", 2, command_mkdir},   {"rmdir", 2, command_rmdir},
    {"remove", 2, command_remove},     {"rename", 3, command_rename}, {"read", 5, command_read},
    {"write", 4, command_write},       {"truncate", 3, command_truncate},
    {"touch", 3, command_touch},       {"space", 1, command_space},   {"shares", 1, command_shares},
    {"open", 3, command_open},         {"close", 2, command_close},   {"watch", 2, command_watch},
};

static void do_command(int count, char **words) {
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, words[0]) == 0) {
            if (count != commands[i].words) {
                answer_failed("wrong number of words");
                return;
            }
            smb2_set_error(smb2, "");  // forgets the error of an earlier command, its status, too
            commands[i].run(words);
            return;
        }
    }
    puts("cannot");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc != 8) {
        fprintf(stderr, "usage: %s HOST PORT USER PASSWORD SHARE DIALECT PROTECTION\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);  // a server that goes away is a failed command, not the end
    char address[512];
    if (snprintf(address, sizeof address, "%s:%s", argv[1], argv[2]) >= (int)sizeof address) {
        answer_failed("the host's name is too long");
        return 1;
    }
    host_and_port = address;
    user = argv[3];
    password = argv[4];
    dialect = argv[6];
    protection = argv[7];
    int result = 0;
    smb2 = connect_to(argv[5], &result);
    if (smb2 == NULL) {
        answer_failed(strerror(ENOMEM));
        return 1;
    }
    answer(result);
    char *line = NULL;
    size_t size = 0;
    while (result >= 0 && getline(&line, &size, stdin) > 0) {
        char *words[MAX_WORDS];
        int count = split(line, words);
        if (count == 0) {
            answer_failed("not a line of the protocol");
        } else if (count == 1 && strcmp(words[0], "quit") == 0) {
            break;
        } else {
            do_command(count, words);
        }
    }
    free(line);
    if (result >= 0) {
        smb2_disconnect_share(smb2);
    }
    smb2_destroy_context(smb2);
    for (size_t i = 0; i < MAX_OPEN; i++) {
        free(opened[i].id);
    }
    return result < 0 ? 1 : 0;
}
