"""An Account behind AWS's own protocols, for the real aws command: requests are read and answers written by the models of
services that come with it (Debian's awscli), so an answer of account.py that AWS could not give does not get through."""
import http.server
import json
import re
import threading
import urllib.parse
import xml.etree.ElementTree as tree
from xml.sax.saxutils import escape

from awscli.botocore import session as botocore_session
from awscli.botocore import xform_name

from account import PAGED, AwsError
from stub_aws import written

COMMAND_OF = {"config": "configservice", "elasticloadbalancing": "elbv2", "s3": "s3api"}
MODEL_OF = {"config": "config", "elasticloadbalancing": "elbv2"}
# Of S3, whose operations are told by a word of the query.
S3_WORDS = {"versioning": "BucketVersioning", "lifecycle": "BucketLifecycleConfiguration", "publicAccessBlock": "PublicAccessBlock",
            "policy": "BucketPolicy", "logging": "BucketLogging", "replication": "BucketReplication"}
SESSION = botocore_session.get_session()


def number_of(shape, text):
    if shape.type_name in ("integer", "long"):
        return int(text)
    return text == "true" if shape.type_name == "boolean" else text


def from_query(shape, form, at, is_ec2):
    """The value whose form fields begin with `at`, or None."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            key = member.serialization.get("name", name)
            if is_ec2:
                key = member.serialization.get("queryName") or key[0].upper() + key[1:]
            value = from_query(member, form, f"{at}.{key}" if at else key, is_ec2)
            if value is not None:
                found[name] = value
        return found or None
    if shape.type_name == "list":
        flat = is_ec2 or shape.serialization.get("flattened")
        found, number = [], 1
        while True:
            value = from_query(shape.member, form, f"{at}.{number}" if flat else f"{at}.member.{number}", is_ec2)
            if value is None:
                return found or None
            found.append(value)
            number += 1
    return number_of(shape, form[at]) if at in form else None


def to_xml(shape, value, name):
    """Elements of an answer; what the model does not know is refused."""
    if shape.type_name == "structure":
        unknown = set(value) - set(shape.members)
        if unknown:
            raise AwsError("NotOfTheModel", f"{shape.name}: {unknown}")
        return f"<{name}>" + "".join(member_xml(member, value[key], member.serialization.get("name", key))
                                     for key, member in shape.members.items() if value.get(key) is not None) + f"</{name}>"
    if shape.type_name == "map":
        return f"<{name}>" + "".join(f"<entry><key>{key}</key>{to_xml(shape.value, one, 'value')}</entry>" for key, one in value.items()) + \
            f"</{name}>"
    text = written(value)
    return f"<{name}>{escape(text.lower() if isinstance(value, bool) else text)}</{name}>"


def member_xml(shape, value, name):
    if shape.type_name != "list":
        return to_xml(shape, value, name)
    if shape.serialization.get("flattened"):
        return "".join(to_xml(shape.member, one, name) for one in value)
    inner = shape.member.serialization.get("name", "member")
    return f"<{name}>" + "".join(member_xml(shape.member, one, inner) for one in value) + f"</{name}>"


def from_s3(word, body, headers, bucket):
    found = {"bucket": bucket} if bucket else {}
    if body:
        found[f"{word}-configuration"] = {re.sub(r"^\{.*\}|Mfa", lambda m: "MFA" if m[0] == "Mfa" else "", one.tag): one.text
                                          for one in tree.fromstring(body)}
    if headers.get("x-amz-mfa"):
        found["mfa"] = headers["x-amz-mfa"]
    return found


class Endpoint:
    """Serves `account` at `url` while this lives."""

    def __init__(self, account):
        self.account, front = account, self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                code, text = front.answer(self.command, self.path, self.headers, body)
                text = text.encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = handle_one

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, method, path, headers, body):
        """(status, text)"""
        region, signed = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request", headers["Authorization"]).groups()
        model = SESSION.get_service_model(MODEL_OF.get(signed, signed))
        protocol = model.metadata["protocol"]
        try:
            name, given = self.request(model, protocol, method, path, headers, body)
            operation = model.operation_model(name)
            command = xform_name(name, "-")
            service = COMMAND_OF.get(signed, signed)
            token, paging = None, self.paging(signed, name, service, command)
            if paging:
                token = given.pop(xform_name(paging["input_token"], "-"), None)
            result = dict(self.account.call(service, command, region, given))
            if paging:
                result = self.page(result, PAGED[service, command], paging, int(token or 0))
            return 200, self.write(operation, protocol, result)
        except AwsError as error:
            return self.error(protocol, error)

    def request(self, model, protocol, method, path, headers, body):
        """(operation, parameters named as the aws command names them)"""
        where = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(where.query, keep_blank_values=True))
        if protocol in ("query", "ec2"):
            form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
            name = form["Action"]
            shape = model.operation_model(name).input_shape
            given = from_query(shape, form, "", protocol == "ec2") if shape else None
        elif protocol == "json":
            name, given = headers["X-Amz-Target"].split(".")[-1], json.loads(body or b"{}")
        elif model.service_name == "dlm":
            name, given = "GetLifecyclePolicies", {"State": query.get("state")}
        else:
            word = next((word for word in S3_WORDS if word in query), None)
            name = ("Put" if method == "PUT" else "Get") + S3_WORDS[word] if word else "ListBuckets"
            return name, from_s3(word, body, headers, where.path.strip("/"))
        return name, {xform_name(key, "-"): value for key, value in (given or {}).items()}

    @staticmethod
    def paging(signed, name, service, command):
        if (service, command) not in PAGED:
            return None
        pagers = SESSION.get_component("data_loader").load_service_model(MODEL_OF.get(signed, signed), "paginators-1")["pagination"]
        return pagers.get(name)

    def page(self, result, key, paging, at):
        rest = result[key][at + self.account.page:]
        result[key] = result[key][at:at + self.account.page]
        if rest:
            result[paging["output_token"]] = str(at + self.account.page)
        if paging.get("more_results"):
            result[paging["more_results"]] = bool(rest)
        return result

    @staticmethod
    def write(operation, protocol, result):
        shape, name = operation.output_shape, operation.name
        if shape is None:
            return "" if protocol.startswith("rest") else f"<{name}Response><ResponseMetadata/></{name}Response>"
        if "json" in protocol:
            unknown = set(result) - set(shape.members)
            if unknown:
                raise AwsError("NotOfTheModel", f"{name}: {unknown}")
            return json.dumps(result)
        if name == "GetPolicyVersion":
            version = result["PolicyVersion"]
            result = {"PolicyVersion": {**version, "Document": urllib.parse.quote(json.dumps(version["Document"]))}}
        payload = shape.serialization.get("payload")
        if payload and shape.members[payload].type_name == "string":
            return result[payload]
        if payload:
            return to_xml(shape.members[payload], result[payload], payload)
        if protocol == "query":
            return f"<{name}Response>" + to_xml(shape, result, shape.serialization.get("resultWrapper", name + "Result")) + \
                f"</{name}Response>"
        return to_xml(shape, result, name + "Response" if protocol == "ec2" else name + "Result")

    @staticmethod
    def error(protocol, error):
        text = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        if "json" in protocol:
            return 400, json.dumps({"__type": error.code, "message": error.message})
        if protocol == "ec2":
            return 400, f"<Response><Errors><Error>{text}</Error></Errors><RequestID>1</RequestID></Response>"
        if protocol == "query":
            return 400, f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error><RequestId>1</RequestId></ErrorResponse>"
        return 403 if error.code == "AccessDenied" else 404 if error.code.startswith("NoSuch") or "NotFound" in error.code else 400, \
            f"<Error>{text}</Error>"
