/** `reeve/inspect`: see what runs, in the Stately inspector or in a page of Reeve's own. */
export { ReeveError } from '../../errors.ts'
export {
  type Inspectable,
  type InspectorOptions,
  type OpenInspector,
  type OpenInspectorOptions,
  openInspector,
} from './open-inspector.ts'
export { type StatelyInspector, type StatelyInspectorOptions, statelyInspector } from './stately-inspector.ts'
