"""OpenStack Swift with its S3 interface, all of it in one process: swift_s3.py FOLDER PORT USER KEY REGION BUCKET. Says "ready"."""

import pathlib
import sys

folder, port, user, key, region, bucket = pathlib.Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
conf = folder / "swift.conf"
conf.write_text("[swift-hash]\nswift_hash_path_suffix = of tests\n[storage-policy:0]\nname = one\ndefault = yes\n")

from swift.common import utils  # noqa: E402

utils.SWIFT_CONF_FILE = str(conf)
utils.eventlet_monkey_patch()
import eventlet  # noqa: E402
import eventlet.wsgi  # noqa: E402
from swift.account.server import AccountController  # noqa: E402
from swift.common.ring.builder import RingBuilder  # noqa: E402
from swift.common.swob import Request  # noqa: E402
from swift.common.wsgi import SwiftHttpProtocol, loadapp  # noqa: E402
from swift.container.server import ContainerController  # noqa: E402
from swift.obj.server import ObjectController  # noqa: E402



class Cache:
    """What memcached is for."""

    def __init__(self):
        self.values = {}

    def get(self, key, **_):
        return self.values.get(key)

    def set(self, key, value, **_):
        self.values[key] = value

    def delete(self, key, **_):
        self.values.pop(key, None)


cache = Cache()


def with_cache(environ, start_response):
    environ["swift.cache"] = cache
    return app(environ, start_response)


storage = {"devices": str(folder / "disks"), "mount_check": "false", "swift_dir": str(folder)}
(folder / "disks/one").mkdir(parents=True)
silent = open(folder / "access.log", "w")


def serve(socket, app):
    eventlet.spawn(eventlet.wsgi.server, socket, app, silent, protocol=SwiftHttpProtocol)


for name, controller in (("account", AccountController), ("container", ContainerController), ("object", ObjectController)):
    socket = eventlet.listen(("127.0.0.1", 0))
    ring = RingBuilder(4, 1, 0)
    place = {"ip": "127.0.0.1", "port": socket.getsockname()[1]}
    ring.add_dev({"region": 1, "zone": 1, "weight": 1, "device": "one", **place, **{f"replication_{k}": v for k, v in place.items()}})
    ring.rebalance()
    ring.get_ring().save(str(folder / f"{name}.ring.gz"))
    serve(socket, controller(storage))

proxy = folder / "proxy.conf"
proxy.write_text(f"""[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
location = {region}
[filter:slo]
use = egg:swift#slo
[filter:tempauth]
use = egg:swift#tempauth
user_{user.replace(':', '_')} = {key} .admin
""")
app = loadapp(str(proxy), global_conf={"log_name": "proxy"})
for container in (bucket, bucket + "+segments"):  # where its S3 interface keeps parts
    made = Request.blank(f"/v1/AUTH_{user.split(':')[0]}/{container}", method="PUT")
    made.environ["swift.authorize_override"], made.environ["swift.authorize"] = True, lambda _: None
    status = made.get_response(with_cache).status
    assert status.startswith("20"), status
serve(eventlet.listen(("127.0.0.1", port)), with_cache)
print("ready", flush=True)
eventlet.sleep(3600)
