import java.io.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.cert.Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;
import javax.net.ssl.*;

/** As peer.c, on JSSE: the JDK's, or with -Dpeer.bouncycastle=VERSION that of Bouncy Castle. */
public class Peer {
    static final int PIECE = 16000, PIECES = 14;
    static final String BC = System.getProperty("peer.bouncycastle");

    static SSLContext context;
    static String host, version;

    public static void main(String[] args) throws Exception {
        if (args.length == 1 && args[0].equals("about")) {
            if (BC != null) {
                System.out.println("name Bouncy Castle " + BC + " (JDK " + Runtime.version().toString().split("[+-]")[0] + ")");
                System.out.println("cannot half-close ends both directions at once");
                System.out.println("cannot resumption has no tickets, and under TLS 1.3 no sessions");
                System.out.println("cannot KeyUpdate has no function that sends a KeyUpdate");
                return;
            }
            System.out.println("name JDK " + Runtime.version().toString().split("[+-]")[0]);
            System.out.println("cannot count does not say how many KeyUpdates it sends after 64 kB (jdk.tls.keyLimits)");
            return;
        }
        version = args[2];
        host = args[5];
        boolean server = args[0].equals("server");
        System.setProperty("com.sun.net.ssl.requireCloseNotify", "true");
        if (BC != null) {
            Security.insertProviderAt((Provider) Class.forName("org.bouncycastle.jce.provider.BouncyCastleProvider").getConstructor().newInstance(), 1);
            Security.insertProviderAt((Provider) Class.forName("org.bouncycastle.jsse.provider.BouncyCastleJsseProvider").getConstructor().newInstance(), 1);
        } else if (System.getenv("PEER_UPDATES") != null) {
            Security.setProperty("jdk.tls.keyLimits", "AES/GCM/NoPadding KeyUpdate 2^16, ChaCha20-Poly1305 KeyUpdate 2^16");
        }
        context = context(args[3], args[4]);
        int port = Integer.parseInt(args[1]);
        if (server) {
            ServerSocket listener = new ServerSocket();
            listener.bind(new InetSocketAddress("127.0.0.1", port));
            while (true) {
                Socket plain = listener.accept();
                new Thread(() -> {
                    try {
                        plain.setSoTimeout(20000);
                        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, null, true);
                        socket.setEnabledProtocols(new String[] {version});
                        socket.setWantClientAuth(true);
                        serve(socket, plain);
                    } catch (Exception e) {
                        System.err.println("server: " + e);
                    }
                }).start();
            }
        }
        for (String task : List.of(args).subList(6, args.length)) {
            try {
                ask(port, task);
            } catch (Exception e) {
                System.out.println(task + " NO " + e);
            }
        }
    }

    static SSLContext context(String identity, String roots) throws Exception {
        char[] none = new char[0];
        CertificateFactory factory = CertificateFactory.getInstance("X.509");
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        Collection<? extends Certificate> chain;
        try (InputStream in = new FileInputStream(identity + ".pem")) { chain = factory.generateCertificates(in); }
        String pem = Files.readString(Path.of(identity + ".key")).replaceAll("-----.*-----", "").replaceAll("\\s", "");
        String kind = chain.iterator().next().getPublicKey().getAlgorithm();
        PrivateKey key = KeyFactory.getInstance(kind).generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        own.setKeyEntry("own", key, none, chain.toArray(new Certificate[0]));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, none);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream in = new FileInputStream(roots)) { trusted.setCertificateEntry("root", factory.generateCertificate(in)); }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext context = BC == null ? SSLContext.getInstance("TLS") : SSLContext.getInstance("TLS", "BCJSSE");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    static void serve(SSLSocket socket, Socket plain) throws Exception {
        InputStream in = socket.getInputStream();
        OutputStream out = socket.getOutputStream();
        StringBuilder line = new StringBuilder();
        for (int c; (c = in.read()) != '\n';) {
            if (c < 0) return;
            line.append((char) c);
        }
        String[] task = line.toString().split(" ");
        switch (task[0]) {
        case "late":
            byte[] all = in.readAllBytes();
            out.write(all);
            out.write(trailer(socket));
            socket.close();
            break;
        case "echo":
            byte[] piece = new byte[PIECE];
            for (int want = Integer.parseInt(task[1]); want > 0;) {
                int n = in.read(piece);
                if (n < 0) return;
                out.write(piece, 0, n);
                want -= n;
            }
            out.write(trailer(socket));
            if (halves()) {
                socket.shutdownOutput();
                in.readAllBytes();
            }
            socket.close();
            break;
        case "cut":
            out.write("partial\n".getBytes());
            out.flush();
            plain.shutdownOutput(); // without TLS
            Thread.sleep(200);
            break;
        case "gone":
            System.out.println("gone " + drain(in));
            socket.close();
        }
    }

    static boolean halves() { return BC == null && version.equals("TLSv1.3"); }

    static byte[] trailer(SSLSocket socket) {
        String name = "none";
        try {
            name = ((X509Certificate) socket.getSession().getPeerCertificates()[0]).getSubjectX500Principal().getName();
        } catch (SSLPeerUnverifiedException e) {
        }
        return ("client " + name + " resumed " + resumed(socket) + " updates 0\n").getBytes();
    }

    // A session that was made in an earlier connection is resumed.
    static final Set<Long> seen = Collections.synchronizedSet(new HashSet<>());

    static int resumed(SSLSocket socket) {
        return seen.add(socket.getSession().getCreationTime()) ? 0 : 1;
    }

    static String drain(InputStream in) {
        try {
            in.readAllBytes();
            return "closed";
        } catch (IOException e) {
            return "truncated";
        }
    }

    static void ask(int port, String task) throws Exception {
        Socket plain = new Socket("127.0.0.1", port);
        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, host, port, true);
        socket.setSoTimeout(20000);
        socket.setEnabledProtocols(new String[] {version});
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(host)));
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        socket.startHandshake();
        InputStream in = socket.getInputStream();
        OutputStream out = socket.getOutputStream();
        byte[] sent = new byte[PIECE * PIECES];
        for (int i = 0; i < sent.length; i++) sent[i] = (byte) ((i >> 5) * 7 + i);
        ByteArrayOutputStream back = new ByteArrayOutputStream();
        switch (task) {
        case "cut":
            System.out.println("cut " + drain(in));
            return;
        case "drop":
            out.write(sent, 0, 1000);
            in.readNBytes(1000);
            plain.shutdownOutput();
            System.out.println("drop done");
            Thread.sleep(200);
            plain.close();
            return;
        case "late":
            out.write(sent);
            socket.shutdownOutput();
            break;
        default:
            for (int i = 0; i < PIECES; i++) {
                out.write(sent, i * PIECE, PIECE);
                back.write(in.readNBytes(PIECE));
            }
            if (halves()) socket.shutdownOutput();
        }
        String end = "closed";
        if (halves()) {
            try {
                in.transferTo(back);
            } catch (IOException e) {
                end = "truncated";
            }
        }
        boolean same = Arrays.equals(back.toByteArray(), sent);
        System.out.println(task + (same ? " same " : " other ") + end + " resumed " + resumed(socket) + " updates 0");
        try {
            socket.close();
        } catch (IOException e) { // it has been said how it ended
        }
    }
}
