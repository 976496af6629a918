export const handler = async (event, context) => {
  const name = event.name ?? 'world';
  console.log('greeting %s', name);
  return { message: `Hello, ${name}!`, requestId: context.awsRequestId };
};
