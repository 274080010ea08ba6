// The line protocol: reads commands from standard input, has a library do them, and answers on standard output.

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

final class Lines {
    private static final int WATCH_SECONDS = 20;
    private static final String UNRESERVED = "-._~";

    /** Logs on to a server. */
    interface LogOn {
        Library connect(Library.Target target) throws Exception;
    }

    private final Library library;
    private final Function<Throwable, String> status;
    private final Map<String, AutoCloseable> opens = new HashMap<>();

    private Lines(Library library, Function<Throwable, String> status) {
        this.library = library;
        this.status = status;
    }

    /** Runs an adaptor from its first to its last line; `status` tells what a message leaves out, or nothing. */
    static void serve(String[] arguments, LogOn logOn, Function<Throwable, String> status) throws IOException {
        PrintStream answers = System.out;
        System.setOut(System.err); // whatever a library prints is no answer
        Library library;
        try {
            library = logOn.connect(target(arguments));
        } catch (Throwable error) {
            answer(answers, failed(error, status));
            return;
        }
        answer(answers, List.of("ok"));
        new Lines(library, status).loop(answers);
        closeQuietly(library);
    }

    private static Library.Target target(String[] words) {
        return new Library.Target(
                words[0], Integer.parseInt(words[1]), words[2], words[3], words[4], words[5], words[6]);
    }

    private void loop(PrintStream answers) throws IOException {
        var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        String line;
        while ((line = commands.readLine()) != null && !line.equals("quit")) {
            answer(answers, obey(Stream.of(line.split("\t", -1)).map(Lines::decode).toList()));
        }
        opens.values().forEach(Lines::closeQuietly);
    }

    private List<String> obey(List<String> words) {
        try {
            List<String> result = run(words.get(0), words.subList(1, words.size()));
            return result == null ? List.of("cannot") : Stream.concat(Stream.of("ok"), result.stream()).toList();
        } catch (Throwable error) {
            return failed(error, status);
        }
    }

    /** The words of `ok`, or null for a command that is not known here. */
    private List<String> run(String command, List<String> words) throws Exception {
        switch (command) {
            case "put" -> library.put(Path.of(words.get(0)), words.get(1));
            case "get" -> library.get(words.get(0), Path.of(words.get(1)));
            case "mkdir" -> library.mkdir(words.get(0));
            case "rmdir" -> library.rmdir(words.get(0));
            case "remove" -> library.remove(words.get(0));
            case "rename" -> library.rename(words.get(0), words.get(1));
            case "read" ->
                library.read(words.get(0), number(words.get(1)), number(words.get(2)), Path.of(words.get(3)));
            case "write" -> library.write(words.get(0), number(words.get(1)), Path.of(words.get(2)));
            case "truncate" -> library.truncate(words.get(0), number(words.get(1)));
            case "touch" -> library.touch(words.get(0), number(words.get(1)));
            case "open" -> opens.put(words.get(1), library.open(words.get(0)));
            case "close" -> opens.remove(words.get(0)).close();
            case "list" -> {
                return library.list(words.get(0)).stream()
                        .flatMap(entry -> Stream.concat(Stream.of(entry.name()), facts(entry)))
                        .toList();
            }
            case "stat" -> {
                return facts(library.stat(words.get(0))).toList();
            }
            case "space" -> {
                Library.Space space = library.space();
                return List.of(Long.toString(space.all()), Long.toString(space.free()));
            }
            case "shares" -> {
                return library.shares();
            }
            case "watch" -> {
                return List.of(library.watch(words.get(0), WATCH_SECONDS));
            }
            default -> {
                return null;
            }
        }
        return List.of();
    }

    private static Stream<String> facts(Library.Entry entry) {
        return Stream.of(
                entry.folder() ? "folder" : "file", Long.toString(entry.size()), Long.toString(entry.seconds()));
    }

    private static long number(String word) {
        return Long.parseLong(word);
    }

    /** Names the whole chain of causes: the outermost is often the emptiest. */
    private static List<String> failed(Throwable error, Function<Throwable, String> status) {
        var parts = new ArrayList<String>();
        for (Throwable each = error; each != null; each = each.getCause()) {
            parts.add((each + " " + status.apply(each)).strip());
        }
        return List.of("failed", String.join("; ", parts));
    }

    private static void answer(PrintStream answers, List<String> words) {
        answers.print(words.stream().map(Lines::encode).collect(Collectors.joining("\t", "", "\n")));
        answers.flush();
    }

    private static void closeQuietly(AutoCloseable open) {
        try {
            open.close();
        } catch (Exception error) {
            System.err.println(error);
        }
    }

    private static String encode(String word) {
        var coded = new StringBuilder();
        for (byte one : word.getBytes(StandardCharsets.UTF_8)) {
            boolean ascii = one > 0;
            boolean plain = ascii && (Character.isLetterOrDigit(one) || UNRESERVED.indexOf(one) >= 0);
            coded.append(plain ? String.valueOf((char) one) : String.format("%%%02X", one));
        }
        return coded.toString();
    }

    private static String decode(String word) {
        var bytes = new ByteArrayOutputStream();
        for (int at = 0; at < word.length(); at++) {
            boolean coded = word.charAt(at) == '%';
            bytes.write(coded ? Integer.parseInt(word.substring(at + 1, at + 3), 16) : word.charAt(at));
            at += coded ? 2 : 0;
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }
}
