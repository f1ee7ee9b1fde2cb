/** Where Reeve runs, and what the platforms differ in that everyone has to know. */

/** How many bytes of a path fit into a socket's address (`sun_path`), its end aside; Node cuts what is longer in silence. */
export const SOCKET_PATH_BYTES = process.platform === 'darwin' ? 103 : 107

/** Linux, and macOS by `ps`. */
export const isSupported = (platform: NodeJS.Platform = process.platform): boolean =>
  platform === 'linux' || platform === 'darwin'
