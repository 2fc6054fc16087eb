"""A plain HTTPS client for the hub: of devices, and of the service with the owner's policy."""
import http.client
import json
import ssl

from mqtt import parse_connection_string, sas

VERSION = "?api-version=2021-04-12"


def device_token(connection_string, **overrides):
    parts = parse_connection_string(connection_string)
    host = parts["HostName"].partition(":")[0]
    resource = f"{host}/devices/{overrides.get('device', parts['DeviceId'])}"
    if "ModuleId" in parts:
        resource += f"/modules/{parts['ModuleId']}"
    return sas(resource, overrides.get("key", parts["SharedAccessKey"]), overrides.get("expiry"))


def service_token(site):
    parts = parse_connection_string(site.credentials["serviceConnectionString"])
    token = sas(parts["HostName"].partition(":")[0], parts["SharedAccessKey"])
    return f"{token}&skn={parts['SharedAccessKeyName']}"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


def connect(site, timeout=30):
    return http.client.HTTPSConnection("localhost", site.ports[1], timeout=timeout,
                                       context=ssl.create_default_context(cafile=site.ca))


def request(site, method, path, body=None, headers=None, token=None):
    """One request on a connection of its own; a dictionary as body is sent as JSON."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = token
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    connection = connect(site)
    try:
        try:
            connection.request(method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            pass  # The hub may answer before it has read everything.
        return Answer(connection.getresponse())
    finally:
        connection.close()


def api(site, method, path, body=None):
    """Our own API, as the owner."""
    return request(site, method, "/api/v1" + path, body, token=service_token(site))
