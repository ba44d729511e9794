"""The scripts with the real aws command before an endpoint on loopback (endpoint.py): its options, its pages, its --query and
its text are what the program of stub_aws.py pretends. A call takes it a second, so most of this is long."""
import os
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")     # its own, about its libraries
    pytest.importorskip("awscli.botocore.session", reason="no awscli of Debian here: the real aws command is not asked")

from account import BUCKET, HOME, Account, AwsError      # noqa: E402
from conftest import run                                 # noqa: E402
from endpoint import Endpoint                            # noqa: E402
from test_audit import BAD                               # noqa: E402
from test_scripts import ALL, SET, loose, root           # noqa: E402

pytestmark = pytest.mark.skipif(not os.access("/usr/bin/aws", os.X_OK), reason="no /usr/bin/aws")


@pytest.fixture
def real(tmp_path):
    """real(account): as stubbed, but the aws command is Debian's."""
    made = []

    def make(account):
        front = Endpoint(account)
        front.endpoint, front.folder = front.url, str(tmp_path)
        made.append(front)
        return front
    yield make
    for one in made:
        one.end()


def ask(front, script, *words, **more):
    return run(front, script, *words, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret", AWS_DEFAULT_REGION=HOME,
               patience=1800, **more)


def worst():
    """Something wrong in each row."""
    account = Account()
    for row in dict.fromkeys(row for row, _, _ in BAD):
        if row != "C1":         # its first leaves no trail for the other rows
            next(damage for of, damage, _ in BAD if of == row)(account)
    account.selectors["EventSelectors"][0].update(ReadWriteType="WriteOnly")
    return account


def calls_of(account):
    """As sets of parameters, for the two ways name numbers and flags differently."""
    return [(service, operation) for service, operation, _, _ in account.calls]


def test_some_rows(real, stubbed):
    """A row of each of query, ec2, json and rest-xml."""
    account, again = Account(), Account()
    rows = ["I8", "H3", "C3"]
    code, out, err = ask(real(account), "audit-account", "--here", *rows)
    assert (code, out, err) == run(stubbed(again), "audit-account", "--here", *rows), out + err
    assert code == 0 and calls_of(account) >= calls_of(again)


@pytest.mark.long
@pytest.mark.parametrize("make", [Account, worst], ids=["good", "worst"])
def test_all_rows(real, stubbed, make):
    """The same lines, whoever asked."""
    account, again = make(), make()
    account.page = again.page = 2
    code, out, err = ask(real(account), "audit-account", "--all", "--here")
    assert (code, out, err) == run(stubbed(again), "audit-account", "--all", "--here"), out + err
    assert code == (0 if make is Account else 1) and "ERROR" not in out
    assert set(calls_of(account)) == set(calls_of(again))


@pytest.mark.long
def test_baseline(real):
    account = loose()
    front = real(account)
    assert ask(front, "account-baseline")[0] == 0 and not account.made()
    code, out, err = ask(front, "account-baseline", "--apply")
    assert code == 0 and [call[:2] for call in account.made()] == [call[:2] for call in ALL], out + err
    given = account.made()[0][3]
    assert {key: str(value) for key, value in given.items()} == {key: str(value) for key, value in ALL[0][3].items()}
    assert "nothing to do" in ask(front, "account-baseline", "--apply")[1]


@pytest.mark.long
def test_mfa_delete(real):
    account = root()
    front = real(account)
    code, out, err = ask(front, "trail-mfa-delete", "--apply", "--code", "123456")
    assert code == 0 and [call[3] for call in account.made()] == [SET[3]], out + err
    assert account.buckets[BUCKET]["versioning"]["MFADelete"] == "Enabled"
    assert "nothing to do" in ask(front, "trail-mfa-delete")[1]


@pytest.mark.long
@pytest.mark.parametrize("code, says", [("AccessDenied", "no right to"), ("Throttling", "too many requests"), ("ExpiredToken", "have expired"),
                                        ("InternalError", "InternalError")])
def test_errors(real, code, says):
    """Tried again by the command, where that is of use; then told."""
    account = Account()
    account.errors["iam", "get-account-password-policy"] = AwsError(code, "for a test")
    got, out, _ = ask(real(account), "audit-account", "--here", "I8", AWS_MAX_ATTEMPTS="2")
    assert got == 2 and says in out, out
    assert calls_of(account).count(("iam", "get-account-password-policy")) == (2 if code == "Throttling" else 1)


@pytest.mark.long
def test_nobody_there(real):
    front = real(Account())
    front.endpoint = "http://127.0.0.1:9"
    code, out, err = ask(front, "audit-account", AWS_MAX_ATTEMPTS="1")
    assert (code, out) == (2, "") and "cannot be reached" in err
