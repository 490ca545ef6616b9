import type { _Record, AttributeValue } from '@aws-sdk/client-dynamodb-streams'

/** An attribute as Lambda hands it over: JSON, so bytes are base64 text. */
export type StreamAttribute =
  | { S: string }
  | { N: string }
  | { B: string }
  | { SS: string[] }
  | { NS: string[] }
  | { BS: string[] }
  | { M: StreamImage }
  | { L: StreamAttribute[] }
  | { NULL: boolean }
  | { BOOL: boolean }

export type StreamImage = { [name: string]: StreamAttribute }

/** One change, in the shape of a Lambda DynamoDB event record. */
export interface StreamRecord {
  eventID: string
  eventName: 'INSERT' | 'MODIFY' | 'REMOVE'
  eventVersion: string
  eventSource: 'aws:dynamodb'
  eventSourceARN: string
  awsRegion: string
  dynamodb: {
    /** Seconds since 1970. */
    ApproximateCreationDateTime: number
    Keys: StreamImage
    NewImage?: StreamImage
    OldImage?: StreamImage
    SequenceNumber: string
    SizeBytes: number
    StreamViewType: string
  }
  userIdentity?: { type: string; principalId: string }
}

export interface StreamEvent {
  Records: StreamRecord[]
}

/** A record as the streams client reads it, in the shape in which Lambda hands it to a handler. */
export function lambdaRecord(record: _Record, streamArn: string, region: string): StreamRecord {
  const change = record.dynamodb
  if (record.eventName === undefined || change?.SequenceNumber === undefined) throw new Error('not a stream record')
  const { NewImage, OldImage } = change
  return {
    eventID: record.eventID ?? change.SequenceNumber,
    eventName: record.eventName,
    eventVersion: record.eventVersion ?? '1.1',
    eventSource: 'aws:dynamodb',
    eventSourceARN: streamArn,
    awsRegion: region,
    dynamodb: {
      ApproximateCreationDateTime: Math.floor((change.ApproximateCreationDateTime?.getTime() ?? 0) / 1000),
      Keys: image(change.Keys ?? {}),
      ...(NewImage === undefined ? {} : { NewImage: image(NewImage) }),
      ...(OldImage === undefined ? {} : { OldImage: image(OldImage) }),
      SequenceNumber: change.SequenceNumber,
      SizeBytes: change.SizeBytes ?? 0,
      StreamViewType: change.StreamViewType ?? 'NEW_AND_OLD_IMAGES',
    },
    ...(record.userIdentity === undefined
      ? {}
      : { userIdentity: { type: record.userIdentity.Type ?? '', principalId: record.userIdentity.PrincipalId ?? '' } }),
  }
}

function image(attributes: Record<string, AttributeValue>): StreamImage {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, attribute(value)]))
}

function attribute(value: AttributeValue): StreamAttribute {
  if (value.B !== undefined) return { B: base64(value.B) }
  if (value.BS !== undefined) return { BS: value.BS.map(base64) }
  if (value.M !== undefined) return { M: image(value.M) }
  if (value.L !== undefined) return { L: value.L.map(attribute) }
  if (value.$unknown !== undefined) throw new Error(`unknown attribute type ${value.$unknown[0]}`)
  return value
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
