import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import javax.net.ssl.*;

// Peer server|client PORT IDENTITY.p12 ROOTS.pem VERSION: an echo that ends when its client has, and its
// client, which sends its input, ends its half, and prints the reply; twice on resumption.
public class Peer {
    public static void main(String[] args) throws Exception {
        char[] password = "password".toCharArray();
        KeyStore own = KeyStore.getInstance("PKCS12");
        try (InputStream in = new FileInputStream(args[2])) { own.load(in, password); }
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, password);
        KeyStore roots = KeyStore.getInstance("PKCS12");
        roots.load(null, null);
        try (InputStream in = new FileInputStream(args[3])) {
            roots.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(roots);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        int port = Integer.parseInt(args[1]);
        if (args[0].equals("server")) {
            SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(port);
            listener.setEnabledProtocols(new String[] {args[4]});
            listener.setWantClientAuth(true);
            System.out.println("ready");
            while (true) {
                SSLSocket socket = (SSLSocket) listener.accept();
                new Thread(() -> {
                    try {
                        ByteArrayOutputStream all = new ByteArrayOutputStream();
                        InputStream in = socket.getInputStream();
                        in.transferTo(all);
                        OutputStream out = socket.getOutputStream();
                        out.write(all.toByteArray());
                        out.write(("client " + peer(socket) + "\n").getBytes());
                        out.flush();
                        socket.close();
                    } catch (Exception e) {
                        System.out.println("server: " + e);
                    }
                }).start();
            }
        }
        byte[] input = System.in.readAllBytes();
        for (int i = 0; i < 2; i++) {
            SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", port);
            socket.setEnabledProtocols(new String[] {args[4]});
            OutputStream out = socket.getOutputStream();
            out.write(input);
            out.flush();
            if (args[4].equals("TLSv1.3")) socket.shutdownOutput();
            byte[] reply = new byte[input.length];
            int n = socket.getInputStream().readNBytes(reply, 0, reply.length);
            System.out.println("reply " + n + (java.util.Arrays.equals(input, reply) ? " same" : " other"));
            socket.getInputStream().readAllBytes();
            System.out.println("created " + socket.getSession().getCreationTime());
            socket.close();
        }
    }

    static String peer(SSLSocket socket) {
        try {
            return socket.getSession().getPeerPrincipal().getName();
        } catch (SSLPeerUnverifiedException e) {
            return "none";
        }
    }
}
