// java Client.java HOST:PORT [OPTION...]: what a program does with tlsify, in Java.
// It asks an HTTP server for a page, prints the answer, and says what went wrong.
import java.io.*;
import java.util.*;

public class Client {
    static final Map<String, String> facts = new HashMap<>();

    // A space is %20, and % is %25; what a terminal would obey stays %XX.
    static void show(String text) {
        System.err.println(text.replace("%20", " ").replace("%25", "%"));
    }

    // hear reads the control channel until a keyword comes, or `end`.
    static void hear(BufferedReader control, String what, String until) throws IOException {
        for (String line; (line = control.readLine()) != null;) {
            String[] parts = line.split(" ", 2);
            String value = parts.length > 1 ? parts[1] : "";
            facts.put(parts[0], value);
            if (parts[0].equals("error")) {
                String[] reason = value.split(" ", 2);
                show(what + ": " + reason[1] + " (" + reason[0] + ")");
            }
            if (parts[0].equals("end"))
                System.exit(Integer.parseInt(value));
            if (parts[0].equals(until))
                return;
        }
        System.err.println("tlsify died");
        System.exit(2);
    }

    public static void main(String[] args) throws IOException {
        // The plaintext is on 0 and 1; the control channel on 2, because Java
        // can give a child no other descriptor.
        String tlsify = System.getenv().getOrDefault("TLSIFY", "tlsify");
        List<String> command = new ArrayList<>(List.of(tlsify, "connect", "--control-fd", "2"));
        command.addAll(List.of(args).subList(1, args.length));
        command.add(args[0]);
        Process child = new ProcessBuilder(command).start();
        BufferedReader control = child.errorReader();

        // Before `ready` there is nothing to say to anyone; a bad certificate never gets there.
        hear(control, "not connected", "ready");
        show("connected: " + facts.get("protocol") + ", " + facts.get("verified"));

        OutputStream to = child.getOutputStream();
        try {
            to.write("GET / HTTP/1.0\r\n\r\n".getBytes());
            to.flush();
        } catch (IOException e) { } // the stream has ended; the control channel tells how
        child.getInputStream().transferTo(System.out);
        System.out.flush();
        // The end of what we say: before the answer many servers take it for our leaving.
        try { to.close(); } catch (IOException e) { }

        hear(control, "it did not end well", "end");
    }
}
