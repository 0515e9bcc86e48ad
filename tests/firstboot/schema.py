"""The migrations of Keystone, Glance and Nova 2012.1, as far as a database can refuse them: the tables that
steps ask for, and every key that is as long as MySQL 5.1 allows.

README.md of this folder says what each stands for in the real ones, by file and line."""

# The own table of sqlalchemy-migrate, made by whatever takes a database under version control.
CONTROL = ("CREATE TABLE migrate_version (repository_id VARCHAR(250) NOT NULL PRIMARY KEY,"
           " repository_path TEXT, version INT);")

# Made by create_all of the models, which skips a table that exists.
KEYSTONE = [
    "user (id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) UNIQUE, extra TEXT)",
    "tenant (id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) UNIQUE, extra TEXT)",
    "role (id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) UNIQUE)",
    "metadata (user_id VARCHAR(64), tenant_id VARCHAR(64), data TEXT, PRIMARY KEY (user_id, tenant_id))",
    "user_tenant_membership (user_id VARCHAR(64), tenant_id VARCHAR(64), PRIMARY KEY (user_id, tenant_id))",
    "service (id VARCHAR(64) PRIMARY KEY, type VARCHAR(255), extra TEXT)",
    "endpoint (id VARCHAR(64) PRIMARY KEY, region VARCHAR(255), service_id VARCHAR(64) NOT NULL, extra TEXT)",
    "token (id VARCHAR(64) PRIMARY KEY, expires DATETIME, extra TEXT)",
    "ec2_credential (access VARCHAR(64) PRIMARY KEY, secret VARCHAR(64), user_id VARCHAR(64), tenant_id VARCHAR(64))",
]
# The result of migrations 1 to 13; the registry makes the same tables by create_all when it starts.
GLANCE = [
    "images (id VARCHAR(36) PRIMARY KEY, name VARCHAR(255), status VARCHAR(30) NOT NULL, checksum VARCHAR(32))",
    "image_properties (id INT PRIMARY KEY, image_id VARCHAR(36) NOT NULL, name VARCHAR(255) NOT NULL, value TEXT,"
    " UNIQUE (image_id, name), KEY (name))",
    "image_members (id INT PRIMARY KEY, image_id VARCHAR(36) NOT NULL, member VARCHAR(255) NOT NULL, UNIQUE (image_id, member))",
]
# As in Essex, nothing prevents a second row for one service on one host.
NOVA = [
    "users (id VARCHAR(255) PRIMARY KEY, name VARCHAR(255))",
    "projects (id VARCHAR(255) PRIMARY KEY, name VARCHAR(255))",
    "services (id INT AUTO_INCREMENT PRIMARY KEY, host VARCHAR(255), `binary` VARCHAR(255), disabled BOOL DEFAULT FALSE)",
    "networks (id INT AUTO_INCREMENT PRIMARY KEY, cidr VARCHAR(255) UNIQUE, label VARCHAR(255), bridge VARCHAR(255), "
    "bridge_interface VARCHAR(255), multi_host BOOL, vlan INT, vpn_public_address VARCHAR(255), vpn_public_port INT, "
    "host VARCHAR(255), project_id VARCHAR(255), UNIQUE (vpn_public_address, vpn_public_port)) ENGINE=InnoDB",
    "instances (id INT AUTO_INCREMENT PRIMARY KEY, hostname VARCHAR(255), project_id VARCHAR(255))",
    "user_project_association (user_id VARCHAR(255) NOT NULL, project_id VARCHAR(255) NOT NULL,"
    " PRIMARY KEY (user_id, project_id))",
]
NOVA_TABLES = [table.split()[0] for table in NOVA]


def tables(columns, unless_there=False):
    return [f"CREATE TABLE {'IF NOT EXISTS ' * unless_there}`{c.split()[0]}` {c.split(' ', 1)[1]};" for c in columns]


def migrations(name):
    """`[(version, statements)]` of a database, in order."""
    if name == "keystone":
        return [(1, tables(KEYSTONE, unless_there=True))]
    if name == "glance":
        return [(1, tables(GLANCE[:1])), (2, tables(GLANCE[1:2])), (8, tables(GLANCE[2:])), (13, [])]
    return [
        (1, tables(NOVA)),
        # 22: whatever the server's default is, from here on it is InnoDB.
        (22, [f"ALTER TABLE `{table}` ENGINE=InnoDB;" for table in [*NOVA_TABLES, "migrate_version"]]),
        (72, ["CREATE TABLE dns_domains (domain VARCHAR(512) NOT NULL PRIMARY KEY, scope VARCHAR(255), project_id VARCHAR(255));"]),
        # 77: all but dns_domains, whose key would be too long.
        (77, ["SET foreign_key_checks = 0;", *(f"ALTER TABLE `{t}` CONVERT TO CHARACTER SET utf8;" for t in [*NOVA_TABLES, "migrate_version"]),
              "SET foreign_key_checks = 1;", "ALTER DATABASE nova DEFAULT CHARACTER SET utf8;"]),
        (82, []),
    ]


class Versioned:
    """One database under sqlalchemy-migrate. `ask` runs statements and gives rows."""

    def __init__(self, name, ask):
        self.name, self.ask = name, ask

    def version(self):
        """None means that the database is not under version control."""
        if ["migrate_version"] not in self.ask("SHOW TABLES;"):
            return None
        row = self.ask("SELECT version FROM migrate_version;")
        return int(row[0][0]) if row else None

    def control(self, version):
        """`version_control`: makes no table but its own."""
        self.ask(f"{CONTROL} INSERT INTO migrate_version VALUES ('{self.name}', '', {version});")

    def latest(self):
        return migrations(self.name)[-1][0]

    def upgrade(self):
        """Runs one migration after the other, and records each version: a kill leaves the last one half done."""
        now = self.version()
        for version, statements in migrations(self.name):
            if version > now:
                self.ask("".join(statements) + f"UPDATE migrate_version SET version = {version};")
