// Containers for import and export, in the hub's own store.
import {randomUUID} from 'node:crypto';
import storage from '@azure/storage-blob';

const account = process.env.MILLRACE_HUB_BLOBS;
const signature = /SharedAccessSignature=([^;]+)/.exec(account)[1];
const service = storage.BlobServiceClient.fromConnectionString(account);

export const blobs = {
  async container() {
    const name = `matrix-${randomUUID()}`;
    const container = service.getContainerClient(name);
    await container.create();
    return {
      uri: `${container.url.split('?')[0]}?${signature}`,
      read: async blob => (await container.getBlockBlobClient(blob).downloadToBuffer()).toString(),
      write: (blob, text) => container.getBlockBlobClient(blob).upload(text, Buffer.byteLength(text)),
    };
  },
};
