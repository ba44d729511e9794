"""ca - a throwaway certificate authority, by the openssl command."""
import os
import subprocess

KINDS = {
    "ecdsa": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
}


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


class Leaf:
    def __init__(self, chain, key):
        self.chain, self.key = chain, key       # paths: leaf then CA; private key, 0600


class Ca:
    def __init__(self, folder, name="Sallyport test CA"):
        self.folder = str(folder)
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.name = name
        self.made = {}
        self.cert, self.key_path = self.path("ca.pem"), self.path("ca.key")
        self.make_key(self.key_path, "ecdsa")
        openssl("req", "-x509", "-new", "-key", self.key_path, "-sha256", "-days", "30", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-out", self.cert)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_key(self, path, kind):
        old = os.umask(0o077)
        try:
            openssl("genpkey", *KINDS[kind], "-out", path)
        finally:
            os.umask(old)

    def leaf(self, *names, kind="ecdsa", days=30, use="serverAuth", stem=None):
        """A certificate for these names; the same one when asked again."""
        wanted = (names, kind, days, use, stem)
        if wanted in self.made:
            return self.made[wanted]
        base = self.path(f"{stem or names[0].replace('*', 'any')}-{kind}-{len(self.made)}")
        self.make_key(f"{base}.key", kind)
        with open(f"{base}.ext", "w", encoding="ascii") as file:
            alternatives = ",".join(("IP:" if name.replace(".", "").isdigit() else "DNS:") + name for name in names)
            file.write(f"subjectAltName={alternatives}\nextendedKeyUsage={use}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-key", f"{base}.key", "-subj", f"/CN={names[0]}", "-out", f"{base}.csr")
        openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.cert, "-CAkey", self.key_path, "-CAcreateserial",
                "-days", str(days), "-sha256", "-extfile", f"{base}.ext", "-out", f"{base}.crt")
        with open(f"{base}.pem", "wb") as chain:
            for part in (f"{base}.crt", self.cert):
                with open(part, "rb") as file:
                    chain.write(file.read())
        self.made[wanted] = Leaf(f"{base}.pem", f"{base}.key")
        return self.made[wanted]

    def crl(self, *revoked, next_update=None):
        """A revocation list of these leaves, good for 30 days or until that time (YYYYMMDDHHMMSSZ); its path."""
        where = self.path(f"crl{len(self.made)}")
        os.mkdir(where, 0o700)
        self.made[where] = f"{where}/crl.pem"
        with open(f"{where}/ca.cnf", "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=x\n[x]\ndatabase={where}/index\ndefault_md=sha256\ndefault_crl_days=30\ncrlnumber={where}/num\n")
        for name, text in (("index", ""), ("num", "01\n")):
            with open(f"{where}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        base = ("ca", "-config", f"{where}/ca.cnf", "-cert", self.cert, "-keyfile", self.key_path)
        for leaf in revoked:
            openssl(*base, "-revoke", leaf.chain)
        dates = ("-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", next_update) if next_update else ()
        openssl(*base, "-gencrl", *dates, "-out", f"{where}/crl.pem")
        return f"{where}/crl.pem"

    def self_signed(self, name, days=30, not_after=None):
        base = self.path(f"self-{name}-{days}-{len(self.made)}")
        self.make_key(f"{base}.key", "ecdsa")
        openssl("req", "-x509", "-new", "-key", f"{base}.key", "-days", str(days), "-subj", f"/CN={name}",
                "-addext", f"subjectAltName=DNS:{name}", "-out", f"{base}.pem")
        self.made[base] = Leaf(f"{base}.pem", f"{base}.key")
        return self.made[base]
