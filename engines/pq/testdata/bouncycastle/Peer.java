import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.jsse.provider.BouncyCastleJsseProvider;

// Peer is a TLS 1.3 peer by Bouncy Castle that echoes a line, or has one echoed:
//
//	Peer server|client PORT CERT KEY CA SCHEMES
//
// PORT is 0 for a server, which says `PORT N`. SCHEMES are the signature
// schemes, with commas between.
public class Peer {
    public static void main(String[] args) throws Exception {
        System.setProperty("jdk.tls.client.SignatureSchemes", args[5]);
        System.setProperty("jdk.tls.server.SignatureSchemes", args[5]);
        // Some signatures are longer than its 32768 bytes for a message.
        System.setProperty("jdk.tls.maxHandshakeMessageSize", "65536");
        Security.insertProviderAt(new BouncyCastleProvider(), 1);
        Security.insertProviderAt(new BouncyCastleJsseProvider(), 2);
        SSLContext context = context(args[2], args[3], args[4]);
        if (args[0].equals("server")) {
            SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
            listener.setEnabledProtocols(new String[] {"TLSv1.3"});
            listener.setNeedClientAuth(true);
            System.out.println("PORT " + listener.getLocalPort());
            try (SSLSocket s = (SSLSocket) listener.accept()) {
                String line = reader(s).readLine();
                s.getOutputStream().write((line + "\n").getBytes("UTF-8"));
            }
            return;
        }
        try (SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(InetAddress.getByName("127.0.0.1"), Integer.parseInt(args[1]))) {
            s.setEnabledProtocols(new String[] {"TLSv1.3"});
            s.getOutputStream().write("hello\n".getBytes("UTF-8"));
            System.out.println("ECHO " + reader(s).readLine());
        }
    }

    static BufferedReader reader(SSLSocket s) throws Exception {
        return new BufferedReader(new InputStreamReader(s.getInputStream(), "UTF-8"));
    }

    static SSLContext context(String cert, String key, String ca) throws Exception {
        CertificateFactory factory = CertificateFactory.getInstance("X.509", "BC");
        Collection<? extends Certificate> chain = factory.generateCertificates(Files.newInputStream(Path.of(cert)));
        String pem = Files.readString(Path.of(key)).replaceAll("-----[A-Z ]*-----|\\s", "");
        PrivateKey privateKey = KeyFactory.getInstance("SLH-DSA", "BC").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        KeyStore own = KeyStore.getInstance("PKCS12", "BC");
        own.load(null, null);
        own.setKeyEntry("own", privateKey, new char[0], chain.toArray(new Certificate[0]));
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX", "BCJSSE");
        keys.init(own, new char[0]);
        KeyStore roots = KeyStore.getInstance("PKCS12", "BC");
        roots.load(null, null);
        roots.setCertificateEntry("ca", factory.generateCertificate(Files.newInputStream(Path.of(ca))));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX", "BCJSSE");
        trust.init(roots);
        SSLContext context = SSLContext.getInstance("TLSv1.3", "BCJSSE");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }
}
