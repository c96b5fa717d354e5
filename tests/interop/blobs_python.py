"""azure-storage-blob and azure-iot-device's upload against the blob store; called by blobs_python.test.mjs."""
import os
import sys

from azure.iot.device import IoTHubDeviceClient
from azure.storage.blob import BlobClient, BlobServiceClient

connection = os.environ['MILLRACE_HUB_BLOBS']
authority = os.environ['NODE_EXTRA_CA_CERTS']
name, device = sys.argv[1], sys.argv[2]
data = os.urandom(10_000_000)

service = BlobServiceClient.from_connection_string(connection, connection_verify=authority)
container = service.create_container(name)

# At once, with digests of everything both ways.
blob = container.get_blob_client('folder/a b.bin')
blob.upload_blob(data, validate_content=True, metadata={'k': 'v'})
assert blob.download_blob(validate_content=True).readall() == data
assert blob.download_blob(offset=5, length=100).readall() == data[5:105]
assert blob.get_blob_properties().metadata == {'k': 'v'}
blob.upload_blob(b'shorter', overwrite=True)
assert blob.download_blob().readall() == b'shorter'

# In blocks, several at a time.
in_blocks = BlobServiceClient.from_connection_string(
    connection, connection_verify=authority, max_single_put_size=1 << 20, max_block_size=1 << 20)
large = in_blocks.get_blob_client(name, 'large')
large.upload_blob(data, validate_content=True, max_concurrency=3)
assert large.download_blob(max_concurrency=2).readall() == data
assert [b.name for b in container.list_blobs()] == ['folder/a b.bin', 'large']
assert [b.name for b in container.walk_blobs(delimiter='/')] == ['folder/', 'large']
container.delete_container()

with open(authority, encoding='ascii') as f:
    client = IoTHubDeviceClient.create_from_connection_string(device, server_verification_cert=f.read())
client.connect()
info = client.get_storage_info_for_blob('from python.txt')
url = 'https://{hostName}/{containerName}/{blobName}{sasToken}'.format(**info)
with BlobClient.from_blob_url(url, connection_verify=authority) as upload:
    upload.upload_blob(b'from python', overwrite=True)
client.notify_blob_upload_status(info['correlationId'], True, 200, 'it went well')
client.shutdown()
