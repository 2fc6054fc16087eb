"""Microsoft's service SDK, unmodified: the registry, twins, methods and jobs, and what the hub recorded."""
import base64
import json
import unittest

import https
import sdk
from harness import eventually


def setUpModule():
    sdk.setup()


def key(text):
    return base64.b64encode(text.encode()).decode()


class Service(sdk.TestCase):
    def setUp(self):
        self.service = self.enterContext(sdk.Driver(self.site, "service.js"))
        self.service.call("connect", connectionString=self.site.credentials["serviceConnectionString"])

    def refused(self, name, verb, **args):
        with self.assertRaises(sdk.SdkError) as caught:
            self.service.call(verb, **args)
        self.assertEqual(caught.exception.name, name, caught.exception.message)
        return caught.exception

    def test_the_registry(self):
        call = self.service.call
        made = call("create", device={"deviceId": "r1"})
        self.assertEqual((made["status"], made["connectionState"]), ("enabled", "Disconnected"))
        self.refused("DeviceAlreadyExistsError", "create", device={"deviceId": "r1"})
        self.refused("ArgumentError", "create", device={"deviceId": "r/../2"})
        keys = {"primaryKey": key("1234567890qwerty"), "secondaryKey": key("ytrewq0987654321")}
        changed = call("update", device={"deviceId": "r1", "status": "disabled",
                                         "authentication": {"type": "sas", "symmetricKey": keys}})
        self.assertEqual(changed["authentication"]["symmetricKey"], keys)
        self.assertEqual(call("get", deviceId="r1")["status"], "disabled")
        thumbprint = call("create", device={"deviceId": "r2", "authentication": {
            "x509Thumbprint": {"primaryThumbprint": "0" * 40, "secondaryThumbprint": "1" * 40}}})
        self.assertEqual(thumbprint["authentication"]["type"], "selfSigned")
        authority = call("create", device={"deviceId": "r3", "authentication": {"type": "certificateAuthority"}})
        self.assertEqual(authority["authentication"]["type"], "certificateAuthority")
        self.assertLessEqual({"r1", "r2", "r3"}, {device["deviceId"] for device in call("list")})
        statistics = call("statistics")
        self.assertEqual(statistics["totalDeviceCount"],
                         statistics["enabledDeviceCount"] + statistics["disabledDeviceCount"])
        call("delete", deviceId="r2")
        self.refused("DeviceNotFoundError", "get", deviceId="r2")
        self.refused("DeviceNotFoundError", "delete", deviceId="r2")
        done = self.records("r1", 'where Category == "DeviceIdentityOperations" and OperationName == "update"')
        self.assertEqual(done[0]["Identity"], "policy:iothubowner")
        self.assertTrue(self.records("r2", 'where OperationName == "get" and StatusCode == 404'))

    def test_modules(self):
        call = self.service.call
        call("create", device={"deviceId": "m1"})
        module = call("addModule", module={"deviceId": "m1", "moduleId": "pump", "managedBy": "us"})
        self.refused("DeviceAlreadyExistsError", "addModule", module={"deviceId": "m1", "moduleId": "pump"})
        self.assertEqual(call("getModules", deviceId="m1"), [module])
        self.refused("InvalidEtagError", "updateModule", module={**module, "etag": "old"}, force=False)
        self.assertEqual(call("updateModule", module={**module, "managedBy": "them"}, force=False)["managedBy"], "them")
        self.assertEqual(call("getModule", deviceId="m1", moduleId="pump")["managedBy"], "them")
        call("removeModule", deviceId="m1", moduleId="pump")
        self.assertEqual(call("getModules", deviceId="m1"), [])

    def test_in_bulk(self):
        call = self.service.call
        devices = [{"deviceId": f"b{number}"} for number in range(100)]
        self.assertTrue(call("addDevices", devices=devices)["isSuccessful"])
        error = self.refused("ArgumentError", "addDevices", devices=devices[:2] + [{"deviceId": "b100"}])
        self.assertIn('"errorCode":"DeviceAlreadyExists"', error.message)
        self.assertEqual(call("get", deviceId="b100")["deviceId"], "b100")
        self.assertTrue(call("updateDevices", devices=[{"deviceId": "b1", "status": "disabled"}], force=True)["isSuccessful"])
        self.assertEqual(call("get", deviceId="b1")["status"], "disabled")
        error = self.refused("ArgumentError", "updateDevices", devices=[{"deviceId": "b2", "etag": "old"}], force=False)
        self.assertIn('"errorCode":"PreconditionFailed"', error.message)
        self.assertTrue(call("removeDevices", devices=devices, force=True)["isSuccessful"])
        self.refused("DeviceNotFoundError", "get", deviceId="b0")

    def test_twins(self):
        call = self.service.call
        call("create", device={"deviceId": "t1"})
        twin = call("getTwin", deviceId="t1")
        changed = call("updateTwin", deviceId="t1", etag=twin["etag"],
                       patch={"tags": {"site": "north"}, "properties": {"desired": {"interval": 5}}})
        self.assertEqual(changed["tags"], {"site": "north"})
        self.assertEqual(changed["properties"]["desired"]["interval"], 5)
        self.assertIn("$lastUpdated", changed["properties"]["desired"]["$metadata"]["interval"])
        self.refused("InvalidEtagError", "updateTwin", deviceId="t1", etag=twin["etag"], patch={"tags": {"site": None}})
        self.assertEqual(call("updateTwin", deviceId="t1", etag="*", patch={"tags": {"site": None}})["tags"], {})
        call("addModule", module={"deviceId": "t1", "moduleId": "pump"})
        patch = {"properties": {"desired": {"speed": 7}}}
        changed = call("updateModuleTwin", deviceId="t1", moduleId="pump", etag="*", patch=patch)
        self.assertEqual((changed["moduleId"], changed["properties"]["desired"]["speed"]), ("pump", 7))
        self.assertEqual(call("getModuleTwin", deviceId="t1", moduleId="pump")["properties"]["desired"]["speed"], 7)
        unknown = self.refused("Error", "getModuleTwin", deviceId="t1", moduleId="none")
        self.assertIn("ErrorCode:ModuleNotFound;", unknown.message)

    def test_methods(self):
        connection = self.device("me1")
        offline = self.refused("Error", "invoke", deviceId="me1", method={"methodName": "reboot"})
        self.assertIn("ErrorCode:DeviceNotOnline", offline.message)
        self.refused("DeviceNotFoundError", "invoke", deviceId="nobody", method={"methodName": "reboot"})
        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=connection)
            device.call("answerMethod", method="reboot", status=207, payload={"soon": True})
            answer = eventually(lambda: self.invoked("me1"), what="a device that serves methods")
            self.assertEqual(answer, {"status": 207, "payload": {"soon": True}})
            self.assertEqual(device.news("method")["payload"], {"delay": 3})
            late = self.refused("GatewayTimeoutError", "invoke", deviceId="me1",
                                method={"methodName": "silent", "responseTimeoutInSeconds": 5})
            self.assertIn("ErrorCode:GatewayTimeout", late.message)
        self.assertTrue(self.records("me1", 'where Category == "DirectMethods" and SubCode == 404103'))
        self.assertTrue(self.records("me1", 'where Category == "DirectMethods" and StatusCode == 200'))

    def invoked(self, device):
        try:
            return self.service.call("invoke", deviceId=device, method={"methodName": "reboot", "payload": {"delay": 3}})
        except sdk.SdkError as error:
            if "DeviceNotOnline" in error.message:
                return None
            raise

    def ended(self, job):
        def check():
            status = self.service.call("getJob", jobId=job)
            return status["status"] in ("completed", "failed", "cancelled") and status

        return eventually(check, timeout=60, interval=0.3, what=f"the end of {job}")

    def test_jobs(self):
        call = self.service.call
        for device in ("j1", "j2", "j3"):
            self.device(device)
        call("updateTwin", deviceId="j3", etag="*", patch={"tags": {"floor": 3}})
        job = call("scheduleTwinUpdate", jobId="twins", condition="deviceId IN ['j1', 'j2']",
                   patch={"etag": "*", "tags": {"key": "value"}, "properties": {"desired": {}, "reported": {}}})
        self.assertEqual((job["jobId"], job["status"]), ("twins", "queued"))
        ended = self.ended("twins")
        self.assertEqual((ended["status"], ended["deviceJobStatistics"]["succeededCount"]), ("completed", 2))
        self.assertEqual(call("getTwin", deviceId="j1")["tags"], {"key": "value"})
        self.assertEqual(call("getTwin", deviceId="j3")["tags"], {"floor": 3})

        with sdk.Driver(self.site) as device:
            device.call("connect", connectionString=self.site.cli("device", "show", "j3", "--keys")["connectionString"])
            device.call("answerMethod", method="blink", status=200, payload={"lamp": 1})
            call("scheduleDeviceMethod", jobId="methods", condition="tags.floor = 3 OR deviceId = 'j1'",
                 method={"methodName": "blink", "responseTimeoutInSeconds": 30})
            statistics = self.ended("methods")["deviceJobStatistics"]
            self.assertEqual((statistics["succeededCount"], statistics["failedCount"]), (1, 1))
        rows = call("query", sql="SELECT * FROM devices.jobs WHERE jobId = 'methods'", pageSize=1)
        self.assertEqual([(row["deviceId"], row["jobType"], row["status"]) for row in rows],
                         [("j1", "scheduleDeviceMethod", "failed"), ("j3", "scheduleDeviceMethod", "completed")])
        self.assertEqual(rows[1]["outcome"]["deviceMethodResponse"], {"status": 200, "payload": {"lamp": 1}})
        self.assertEqual(call("query", sql="SELECT status, COUNT() AS n FROM devices.jobs WHERE jobId = 'twins' "
                                           "GROUP BY status"), [{"status": "completed", "n": 2}])

        self.assertEqual(call("scheduleTwinUpdate", jobId="later", condition="*", patch={"tags": {}}, start=3600)["status"],
                         "queued")
        call("cancelJob", jobId="later")
        self.assertEqual(self.ended("later")["status"], "cancelled")
        self.refused("ArgumentError", "scheduleTwinUpdate", jobId="wrong", condition="deviceId IS", patch={"tags": {}})
        pages = call("listJobs", type="scheduleUpdateTwin", pageSize=1)
        self.assertEqual([[job["jobId"] for job in page] for page in pages], [["later"], ["twins"]])
        records = eventually(lambda: self.site.kql('IoTHubOperations | where Category == "JobsOperations" and OperationName == "end"'),
                             what="the jobs' records")
        self.assertEqual({record["Identity"] for record in records}, {"policy:iothubowner"})

    def container(self):
        answer = https.api(self.site, "POST", "/containers")
        self.assertEqual(answer.status, 201)
        return answer.json()["uri"]

    def transferred(self, job):
        def check():
            status = self.service.call("transfer", jobId=job)
            return status["status"] not in ("enqueued", "running") and status

        return eventually(check, timeout=60, interval=0.3, what=f"the end of {job}")

    def test_import_and_export(self):
        call = self.service.call
        uri = self.container()
        lines = [json.dumps({"id": f"i{number}", "importMode": "create", "tags": {"row": number}}) for number in range(200)]
        lines.insert(3, json.dumps({"id": "i0", "importMode": "create"}))
        self.assertEqual(call("putBlob", container=uri, blob="devices.txt", text="\n".join(lines), blockSize=4096), 201)
        job = call("importDevices", input=uri, output=uri)
        self.assertEqual(job["type"], "import")
        done = self.transferred(job["jobId"])
        self.assertEqual((done["status"], done["progress"]), ("completed", 100), done)
        errors = call("getBlob", container=uri, blob="importErrors.log").splitlines()
        self.assertEqual([json.loads(line)["errorCode"] for line in errors], ["DeviceAlreadyExists"])
        self.assertEqual(call("getTwin", deviceId="i199")["tags"], {"row": 199})

        other = self.container()
        job = call("exportDevices", container=other, excludeKeys=False)
        self.assertEqual(self.transferred(job["jobId"])["status"], "completed")
        exported = {line["id"]: line for line in map(json.loads, call("getBlob", container=other, blob="devices.txt").splitlines())
                    if "moduleId" not in line}
        self.assertEqual(exported["i7"]["authentication"]["symmetricKey"], call("get", deviceId="i7")["authentication"]["symmetricKey"])
        job = call("exportDevices", container=other, excludeKeys=True)
        self.assertEqual(self.transferred(job["jobId"])["status"], "completed")
        self.assertNotIn(exported["i7"]["authentication"]["symmetricKey"]["primaryKey"], call("getBlob", container=other, blob="devices.txt"))
        self.assertEqual(call("listBlobs", container=uri), ["devices.txt", "importErrors.log"])
        self.assertIn(job["jobId"], [each["jobId"] for each in call("transfers")])
        call("cancelTransfer", jobId=job["jobId"])
        self.refused("ArgumentError", "exportDevices", container=uri.replace("sig=", "sig=AAAA"), excludeKeys=False)
        # This SDK has no error of its own for it.
        unknown = self.refused("Error", "transfer", jobId="nobody")
        self.assertIn("ErrorCode:JobNotFound;", unknown.message)
        for operation in ("create", "start", "end"):
            query = (f'IoTHubOperations | where Category == "JobsOperations" and OperationName == "{operation}"'
                     f' and CorrelationId == "{job["jobId"]}"')
            records = eventually(lambda query=query: self.site.kql(query), what=query)
            self.assertEqual(records[0]["Identity"], "policy:iothubowner")

    def test_what_waits_is_purged(self):
        self.device("p1")
        for text in ("one", "two"):
            self.assertEqual(https.api(self.site, "POST", "/devices/p1/messages", {"body": text}).status, 202)
        self.assertEqual(self.service.call("get", deviceId="p1")["cloudToDeviceMessageCount"], 2)
        self.assertEqual(self.service.call("purge", deviceId="p1")["totalMessagesPurged"], 2)
        self.assertEqual(self.service.call("get", deviceId="p1")["cloudToDeviceMessageCount"], 0)
        self.refused("DeviceNotFoundError", "purge", deviceId="nobody")

    def test_a_policy_without_the_right(self):
        connection = self.site.credentials["serviceConnectionString"]
        self.service.call("connect", connectionString=connection.replace("SharedAccessKey=", "SharedAccessKey=AAAA"))
        error = self.refused("UnauthorizedError", "get", deviceId="any")
        self.assertIn("ErrorCode:IotHubUnauthorizedAccess", error.message)


if __name__ == "__main__":
    unittest.main()
